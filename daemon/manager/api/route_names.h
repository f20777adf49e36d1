/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the routes in routes.c, for the labels of metrics. */
#pragma once

#define ROUTES_MAX 64 /* at least as many as there are */
/* Of the route with this number, from 1 on, as in a request's label; "" when there is none. */
const char *routes_method(unsigned route);
const char *routes_pattern(unsigned route);
