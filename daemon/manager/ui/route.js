// SPDX-License-Identifier: Apache-2.0
// Addresses of the views: what stands after the # of the page's URL. No secret is ever in one.
//
//   w/ID/KIND            objects of a Workspace; d/ID/KIND of a Deployment; p/ID/KIND of a project
//   w/ID/KIND/new        a new object; w/ID/KIND/o/KEY one that exists
//   w/ID/places, w/ID/transfer, org, tokens, audit, sidecars

import { kindOf } from './model.js';

function decoded(parts) {
	try {
		return parts.map(decodeURIComponent);
	} catch {
		return null;
	}
}

/** The view that an address names; null when it names none. */
export function parseRoute(hash) {
	const [path, query] = hash.replace(/^#\/?/, '').split('?');
	const parts = decoded(path.split('/').filter(Boolean));
	if (!parts) return null;
	const route = { path, href: hash, parts, query: new URLSearchParams(query ?? '') };
	if (parts.length === 1 && ['tokens', 'audit', 'sidecars'].includes(parts[0]))
		return { ...route, view: parts[0] };
	if (parts.length === 1 && parts[0] === 'org') return { ...route, view: 'places' };
	const [scope, id, what, which, key] = parts;
	if (!'wdp'.includes(scope ?? '?') || !id) return null;
	Object.assign(route, { scope, id });
	if (scope === 'w' && (what === 'places' || what === 'transfer')) return { ...route, view: what };
	route.kind = kindOf(what);
	if (!route.kind) return null;
	if (!which) return { ...route, view: 'list' };
	if (which === 'new') return { ...route, view: 'object' };
	return which === 'o' && key ? { ...route, view: 'object', key } : null;
}

export function hrefOfObject(scope, id, kind, key) {
	return hrefOf(scope, id, kind, `/o/${encodeURIComponent(key)}`);
}

export function hrefOf(scope, id, kind, more = '') {
	return `#/${scope}/${id}/${kind.slug}${more}`;
}

/** The same address with other parameters; those that are empty are left out. */
export function withQuery(route, changed) {
	const query = new URLSearchParams(route.query);
	for (const [name, value] of Object.entries(changed)) {
		if (value) query.set(name, value);
		else query.delete(name);
	}
	const text = query.toString();
	return `#/${route.path}${text ? `?${text}` : ''}`;
}

export function go(href) {
	location.hash = href;
}
