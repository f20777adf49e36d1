// SPDX-License-Identifier: Apache-2.0
// The filters above a table of objects: how they stand in the address, what they ask the server
// for, and their controls.

import { h, input, select } from './parts.js';
import { deploymentsOf, projectsOf } from './places.js';
import { T } from './texts.js';

const NAMES = ['search', 'linked', 'from', 'by', 'since'];
const TYPING_MS = 200;
const DAY_MS = 86_400_000;
const DAYS = ['1', '7', '30', '90'];

/** The filters that the address of a view has; each is a text, "" when it is not set. */
export function filtersIn(query) {
	return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? '']));
}

export const noFilters = () => filtersIn(new URLSearchParams());

/** Whether any of them is set, but for the search. */
export const isFiltered = (f) => NAMES.some((name) => name !== 'search' && f[name]);

/** What the list is asked for. */
export function filterQuery({ search, linked, from, by, since }) {
	const query = {};
	if (search) query.search = search;
	if (linked === 'all' || linked === 'restricted')
		query.autoLinkDeployments = linked === 'all' ? 'true' : 'false';
	else if (linked) query.linkedTo = linked;
	if (from) query.scope = from;
	if (by) query.updatedBy = by;
	if (Number(since) > 0)
		query.updatedSince = new Date(Date.now() - Number(since) * DAY_MS).toISOString();
	return query;
}

/** A text that is asked for once the typing has paused. */
function typed(value, label, name, set, type) {
	let timer;
	const later = (text) => {
		clearTimeout(timer);
		timer = setTimeout(() => set({ [name]: text.trim() }), TYPING_MS);
	};
	return input(value, later, { type, id: name, placeholder: label, 'aria-label': label });
}

function chosen(options, value, label, name, set) {
	// What the address names and nobody can choose (a place that has gone) is shown as it is.
	const isKnown = !value || options.some(([id]) => id === value);
	return select(
		isKnown ? options : [...options, [value, value]],
		value,
		(now) => set({ [name]: now }),
		{ id: `filter-${name}`, 'aria-label': label },
	);
}

function linkedChoice(place, value, set) {
	const to = [...deploymentsOf(place.id), ...projectsOf(place.id)];
	const options = [
		['', T.anyLink],
		['all', T.linkedToAll],
		['restricted', T.restricted],
		...to.map((p) => [p.id, T.reaches(p.name)]),
	];
	return chosen(options, value, T.linked, 'linked', set);
}

function fromChoice(place, value, set) {
	const options = [
		['', T.fromAnywhere],
		[place.apiScope, T.ownOf(place.type)],
		['WORKSPACE', T.scopes.WORKSPACE],
	];
	if (place.scope === 'p') options.push(['DEPLOYMENT', T.scopes.DEPLOYMENT]);
	return chosen(options, value, T.from, 'from', set);
}

/** The controls; set(what) is called with the filters that have changed. */
export function filterControls(kind, place, filters, set) {
	return h(
		'div',
		{ class: 'filters' },
		typed(filters.search, T.searchKeys(kind.many), 'search', set, 'search'),
		place.scope === 'w'
			? linkedChoice(place, filters.linked, set)
			: fromChoice(place, filters.from, set),
		chosen(
			[['', T.anyTime], ...DAYS.map((days) => [days, T.lastDays(days)])],
			filters.since,
			T.updated,
			'since',
			set,
		),
		typed(filters.by, T.updatedByWhom, 'by', set, 'search'),
	);
}
