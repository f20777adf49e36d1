/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/forms.h"

#include <stdint.h>
#include <string.h>

#include "base/json/write.h"
#include "base/utf8.h"

/* The first six are base64: three alignments in each of two alphabets. */
#define BASE64_FORMS 6
enum { URL_STRICT = BASE64_FORMS, URL_SLASH, URL_PLUS, URL_LOWER, JSON_SHORT, JSON_ASCII };

enum needle_form
form_kind(int form)
{
	if (form < BASE64_FORMS)
		return NEEDLE_BASE64;
	return form < JSON_SHORT ? NEEDLE_URL : NEEDLE_JSON;
}

/* --- base64 ---------------------------------------------------------------------------- */

/*
 * Returns six bits of the value, from bit number `bit` on. The value is preceded by `before` bytes,
 * which count for `bit`.
 */
static unsigned
six_bits(struct span value, size_t before, size_t bit)
{
	unsigned six = 0;

	for (size_t i = bit; i < bit + 6; i++) {
		unsigned char byte = (unsigned char)value.p[i / 8 - before];

		six = six << 1 | (byte >> (7 - i % 8) & 1U);
	}
	return six;
}

static bool
write_base64(struct span value, size_t before, bool url, struct buf *out)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/-_";
	size_t end = (before + value.n) * 8;
	bool differs = !url;

	for (size_t bit = (before * 8 + 5) / 6 * 6; bit + 6 <= end; bit += 6) {
		unsigned six = six_bits(value, before, bit);

		differs = differs || six >= 62;
		buf_addc(out, digit[six >= 62 && url ? six + 2 : six]);
	}
	if (!differs)
		buf_reset(out);
	return differs;
}

/* --- URLs ------------------------------------------------------------------------------ */

static bool
is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void
write_url(struct span value, int form, struct buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (is_unreserved(c) || (c == '/' && form == URL_SLASH))
			buf_addc(out, c);
		else if (c == ' ' && form == URL_PLUS)
			buf_addc(out, '+');
		else
			buf_addf(out, form == URL_LOWER ? "%%%02x" : "%%%02X", (unsigned char)c);
	}
}

/* --- JSON ------------------------------------------------------------------------------ */

/* The code point of the character at p, which is n bytes long. */
static uint32_t
code_point(const char *p, size_t n)
{
	uint32_t code = (unsigned char)p[0] & (n == 1 ? 0x7FU : 0x7FU >> n);

	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3FU);
	return code;
}

static void
write_escape(uint32_t code, struct buf *out)
{
	if (code < 0x10000) {
		buf_addf(out, "\\u%04x", code);
		return;
	}
	code -= 0x10000;
	buf_addf(out, "\\u%04x\\u%04x", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
}

/* As Python's json.dumps() writes it: only ASCII. */
static void
write_ascii_json(struct span value, struct buf *out)
{
	for (size_t i = 0, n; i < value.n; i += n) {
		n = utf8_sequence(value.p + i, value.n - i);
		if (n == 0)
			n = 1; /* a piece of a long value may begin inside a character */
		if (n == 1)
			jtext_escape(out, (struct span){ value.p + i, 1 });
		else
			write_escape(code_point(value.p + i, n), out);
	}
}

/* --- all ------------------------------------------------------------------------------- */

static void
write_escaped(int form, struct span value, struct buf *out)
{
	if (form == JSON_SHORT)
		jtext_escape(out, value);
	else if (form == JSON_ASCII)
		write_ascii_json(value, out);
	else
		write_url(value, form, out);
}

bool
form_write(int form, struct span value, struct buf *out)
{
	if (form < BASE64_FORMS)
		return write_base64(value, (size_t)form % 3, form >= 3, out);
	write_escaped(form, value, out);
	if (!buf_error(out) && span_equal(span_of_buf(out), value))
		buf_reset(out);
	return out->len > 0 || buf_error(out);
}
