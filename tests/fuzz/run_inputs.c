/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer without libFuzzer, with any compiler, once on each named file, or on each file of a
 * named directory. For the inputs that are kept.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_SIZE (1 << 20)

static int
run_file(const char *path)
{
	static uint8_t data[INPUT_SIZE];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	n = fread(data, 1, sizeof data, f);
	(void)fclose(f);
	/* Uses a copy of exact size, so that a sanitizer detects a read past its end. */
	exact = malloc(n ? n : 1);
	must(exact != NULL);
	memcpy(exact, data, n);
	(void)fprintf(stderr, "%s\n", path); /* the last one shown is the one that fails */
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 1;
}

static int
run_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	int runs = 0;

	if (!d) {
		perror(path);
		return -1;
	}
	while ((e = readdir(d))) {
		struct stat st;

		(void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
			runs += run_file(name);
	}
	(void)closedir(d);
	return runs;
}

int
main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
		int runs = directory ? run_directory(argv[i]) : run_file(argv[i]);

		if (runs < 0)
			return 1;
		total += runs;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1;
}
