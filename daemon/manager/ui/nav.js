// SPDX-License-Identifier: Apache-2.0
// The navigation beside the views, and the line that says which place a view is about.

import { may } from './api.js';
import { kinds } from './model.js';
import { badge, field, h, input, link, select } from './parts.js';
import { deploymentsOf, known, placeOf, projectsOf, workspace } from './places.js';
import { go, hrefOf } from './route.js';
import { T } from './texts.js';

const MANY = 12;

let lastWorkspace;

function workspaceOf(route) {
	const id = placeOf(route)?.workspaceId ?? lastWorkspace;
	lastWorkspace = workspace(id) ? id : known.workspaces[0]?.id;
	return lastWorkspace;
}

function entry(route, label, href, isCurrent) {
	const current = isCurrent ?? route.path === href.slice(2);
	return h('li', {}, link(label, href, { 'aria-current': current ? 'page' : null }));
}

function group(title, items, more) {
	if (!items.length) return null;
	return h('section', {}, h('h2', {}, title), more, h('ul', {}, items));
}

/** A list of places; a long one can be filtered. */
function placeGroup(route, title, scope, list) {
	const slug = route.kind?.slug ?? 'connections';
	const items = list.map((p) =>
		entry(route, p.name, `#/${scope}/${p.id}/${slug}`, route.scope === scope && route.id === p.id),
	);
	if (list.length <= MANY) return group(title, items);
	const filter = input(
		'',
		(text) => {
			for (const item of items)
				item.hidden = !item.textContent.toLowerCase().includes(text.toLowerCase());
		},
		{ 'aria-label': T.filterPlaces(title), placeholder: T.filter, type: 'search' },
	);
	return group(title, items, filter);
}

export function navigation(route) {
	const id = workspaceOf(route);
	const chosen = id
		? field(
				T.workspace,
				select(
					known.workspaces.map((w) => [w.id, w.name]),
					id,
					(to) => go(`#/w/${to}/${route.kind?.slug ?? 'connections'}`),
				),
			)
		: null;
	const inWorkspace = id
		? [
				may.seeWorkspace() &&
					entry(
						route,
						T.environment,
						`#/w/${id}/connections`,
						route.scope === 'w' && Boolean(route.kind),
					),
				entry(route, T.placesTitle, `#/w/${id}/places`),
				may.seeWorkspace() && entry(route, T.transferTitle, `#/w/${id}/transfer`),
			].filter(Boolean)
		: [];
	return [
		chosen,
		group(T.workspace, inWorkspace),
		id ? placeGroup(route, T.deployments, 'd', deploymentsOf(id)) : null,
		id ? placeGroup(route, T.projects, 'p', projectsOf(id)) : null,
		group(
			T.organization,
			[
				entry(route, T.organizationTitle, '#/org'),
				entry(route, T.sidecarsTitle, '#/sidecars'),
				may.tokens() && entry(route, T.tokensTitle, '#/tokens'),
				may.seeWorkspace() && entry(route, T.auditTitle, '#/audit'),
			].filter(Boolean),
		),
	];
}

/** "Workspace Analytics" above a view's title. */
export function placeLine(route) {
	const place = placeOf(route);
	if (!place) return null;
	const above = place.scope === 'w' ? null : workspace(place.workspaceId);
	return h(
		'p',
		{ class: 'place' },
		above && may.seeWorkspace()
			? [
					link(above.name, `#/w/${above.id}/${route.kind?.slug ?? 'places'}`),
					h('span', { 'aria-hidden': 'true' }, ' › '),
				]
			: null,
		badge(place.type, 'accent'),
		' ',
		h('strong', {}, place.name),
	);
}

/** The four kinds of objects, as tabs. */
export function kindTabs(route) {
	return h(
		'nav',
		{ class: 'tabs', 'aria-label': T.environment },
		kinds.map((k) =>
			link(k.many, hrefOf(route.scope, route.id, k), {
				'aria-current': route.kind === k ? 'page' : null,
			}),
		),
	);
}
