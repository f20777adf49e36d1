/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of an export. Pure: a set in, text out. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/export/set.h"

struct export_format {
	const char *name;
	bool of_one_kind; /* a file holds either connections or variables */
	/* Marks each record that the format cannot hold, with the reason. NULL: it holds all. */
	void (*check)(const struct export_set *set);
	/* Appends the file with the records that are not left out. Failures stick in out. */
	void (*write)(const struct export_set *set, const char *name, struct buf *out);
};

/* NULL: there is no format of that name. */
const struct export_format *export_format_named(const char *name);

void airflow_json_write(const struct export_set *set, const char *name, struct buf *out);
void airflow_yaml_write(const struct export_set *set, const char *name, struct buf *out);
void dotenv_check(const struct export_set *set);
void dotenv_write(const struct export_set *set, const char *name, struct buf *out);
void k8s_secret_check(const struct export_set *set);
/* name: of the Secret. */
void k8s_secret_write(const struct export_set *set, const char *name, struct buf *out);

/* Appends s as a double-quoted YAML scalar. */
void yaml_text(struct buf *out, struct span s);
