/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with one field of a request, for the client to read. Stock clients show nothing but
 * a message, so the message always names the field.
 */
#pragma once

#include "base/attr.h"
#include "base/span.h"

#define FAULT_FIELD_SIZE   320
#define FAULT_MESSAGE_SIZE 640

struct fault {
	const char *code; /* static: "required", "invalid", "immutable", ... */
	char field[FAULT_FIELD_SIZE];
	char message[FAULT_MESSAGE_SIZE]; /* UTF-8, begins with the field's name */
};

/*
 * Fills in *f. field: its path in the body ("connection.port"), or the name of a query parameter.
 * what: the rest of the sentence ("must be ..."). Text from the request stands at its end, where it
 * may be cut. Always returns -EINVAL, so that a check can end with "return fault_set(...)".
 */
int fault_set(struct fault *f, const char *code, const char *field, const char *what, ...)
    PRINTF(4, 5);
