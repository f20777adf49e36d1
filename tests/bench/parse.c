/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of reading a list: each file is read whole and parsed into a tree once.
 *
 *	parse FILE...
 *
 * Prints the number of rows.
 */
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

static char *
read_whole(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0)
		return NULL;
	text = malloc((size_t)size + 1);
	*n = text ? fread(text, 1, (size_t)size, f) : 0;
	(void)fclose(f);
	return text;
}

int
main(int argc, char *argv[])
{
	int rows = 0;

	for (int i = 1; i < argc; i++) {
		size_t n = 0;
		char *text = read_whole(argv[i], &n);
		cJSON *tree = text ? cJSON_ParseWithLength(text, n) : NULL;

		if (!tree) {
			(void)fprintf(stderr, "parse: %s: not JSON\n", argv[i]);
			return 1;
		}
		rows += cJSON_GetArraySize(cJSON_GetObjectItem(tree, "environmentObjects"));
		cJSON_Delete(tree);
		free(text);
	}
	(void)printf("%d\n", rows);
	return 0;
}
