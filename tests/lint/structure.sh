#!/bin/sh
# usage: tests/lint/structure.sh [DIRECTORY]
# No file of the programs is longer than 600 lines, and no modules include one another in a circle.
# A module is a .c file with its .h. An X_internal.h, which several files of one module share, is
# not one. DIRECTORY (default: this checkout) is the tree to check.
set -eu
cd "${1:-$(dirname "$0")/../..}"
lines=600

# One thing in two files each.
pairs='
base/cli/cli base/cli/words
base/log base/log_journal
'

bad=0
files=$(find daemon proto python-shim/src \( -name '*.[ch]' -o -name '*.py' \) | sort)
# shellcheck disable=SC2016  # awk's own $0
echo "$files" | xargs wc -l | awk -v lines=$lines '
	$2 != "total" && $1 > lines {
		print $2 ": " $1 " lines, " lines " are allowed: move one job to a new file"
		bad = 1
	}
	END { exit bad }' || bad=1

# shellcheck disable=SC2016  # awk's own $0
echo "$files" | grep '\.[ch]$' | grep -v '_internal\.h$' | xargs awk -v pairs="$pairs" '
	BEGIN {
		n_pairs = split(pairs, pair, "\n")
		for (i = 1; i <= n_pairs; i++)
			if (split(pair[i], w, " ") == 2)
				allowed[w[1], w[2]] = allowed[w[2], w[1]] = 1
	}
	function module(path) {
		sub(/^daemon\//, "", path)
		sub(/\.[ch]$/, "", path)
		return path
	}
	FNR == 1 {
		self = module(FILENAME)
		if (!(self in n_of))
			names[++n] = self
		n_of[self] += 0
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
		to = substr($0, index($0, "\"") + 1)
		sub(/".*/, "", to)
		if (to ~ /_internal\.h$/ || module(to) == self || (self, module(to)) in allowed)
			next
		edge[self, ++n_of[self]] = module(to)
	}
	# Goes along the edges; a module that is on the way already closes a circle.
	function walk(m,    i, k) {
		state[m] = 1
		way[++depth] = m
		for (i = 1; i <= n_of[m]; i++) {
			if (!(edge[m, i] in state)) {
				walk(edge[m, i])
			} else if (state[edge[m, i]] == 1) {
				printf "a circle of includes: %s", edge[m, i]
				for (k = depth; way[k] != edge[m, i]; k--)
					printf " <- %s", way[k]
				printf " <- %s: move what they share to a header\n", edge[m, i]
				bad = 1
			}
		}
		depth--
		state[m] = 2
	}
	END {
		for (i = 1; i <= n; i++)
			if (!(names[i] in state))
				walk(names[i])
		exit bad
	}' || bad=1
exit $bad
