#!/bin/sh
# usage: daemon/manager/ui/embed.sh OUT FILE...
# Writes the page's files as a C header: each as an array, plain and compressed with gzip, and the
# table `page_files`. The version, which is part of their paths, is a hash of names and contents;
# HTML files have @VERSION@ in its place.
set -eu
out=$1
shift

bytes() { od -An -v -td1 | sed -E 's/-?[0-9]+/&,/g'; }

hash16() { sha256sum | cut -c 1-16; }

type_of() {
	case $1 in
	*.css) echo 'text/css; charset=utf-8' ;;
	*.html) echo 'text/html; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*) echo "embed.sh: $1: expected .css, .html, .js or .svg" >&2 && return 1 ;;
	esac
}

content() {
	case $1 in
	*.html) sed "s/@VERSION@/$version/g" "$1" ;;
	*) cat "$1" ;;
	esac
}

table=
n=0
version=$(for file; do echo "${file##*/}"; cat "$file"; done | hash16)
{
	echo '#pragma once'
	echo "#define PAGE_VERSION \"$version\""
	for file; do
		type=$(type_of "$file")
		echo "static const char page_plain_${n}[] = {"
		content "$file" | bytes
		echo '};'
		echo "static const char page_packed_${n}[] = {"
		content "$file" | gzip -9n | bytes
		echo '};'
		hash=$(content "$file" | hash16)
		table="$table	{ \"${file##*/}\", \"$type\", \"$hash\", PAGE_BYTES($n) },
"
		n=$((n + 1))
	done
	printf 'static const struct page_file page_files[] = {\n%s	{ NULL },\n};\n' "$table"
} >"$out"
