// SPDX-License-Identifier: Apache-2.0
// The objects of one kind in a place: what a Workspace has, or what a Deployment or project gets,
// with where each value comes from. The server searches, sorts and pages.

import { objects } from './api.js';
import { filterControls, filterQuery, filtersIn, isFiltered, noFilters } from './filters.js';
import { watch } from './live.js';
import { isVariable, overriddenAt, flatten, reach } from './model.js';
import { kindTabs, placeLine } from './nav.js';
import {
	badge,
	breakable,
	button,
	empty,
	explain,
	fill,
	h,
	link,
	loading,
	note,
	pager,
	select,
	table,
	time,
} from './parts.js';
import { deploymentsOf, mayWriteAt, nameOf, placeOf, projectsOf, whyNotWrite } from './places.js';
import { hrefOf, hrefOfObject, withQuery } from './route.js';
import { T } from './texts.js';

const SIZES = [50, 200, 1000];

export async function show(route) {
	const place = placeOf(route);
	if (!place) return [h('h1', {}, T.environment), note(T.notThere, 'bad')];
	const state = {
		route,
		place,
		filters: filtersIn(route.query),
		sort: route.query.get('sort') ?? 'objectKey:asc',
		limit: Number(route.query.get('size')) || SIZES[0],
		offset: Number(route.query.get('offset')) || 0,
		results: h('div', { class: 'results' }, loading()),
		before: null,
	};
	await load(state);
	return [
		placeLine(route),
		h('div', { class: 'head' }, h('h1', {}, T.environment), createLink(state)),
		kindTabs(route),
		whyNotWrite(place) ? note(whyNotWrite(place)) : null,
		toolbar(state),
		state.results,
	];
}

function createLink({ route, place }, label = route.kind.create) {
	return mayWriteAt(place)
		? link(label, hrefOf(route.scope, route.id, route.kind, '/new'), { class: 'button primary' })
		: null;
}

function toolbar(state) {
	const size = select(
		SIZES.map((n) => [String(n), T.rowsPerPage(n)]),
		String(state.limit),
		(n) => change(state, { limit: Number(n), offset: 0 }),
		{ id: 'size', 'aria-label': T.pageSize },
	);
	const box = h('div', { class: 'toolbar', role: 'search' });
	const set = (what) => change(state, { filters: { ...state.filters, ...what }, offset: 0 });
	state.clear = () => {
		change(state, { filters: noFilters(), offset: 0 });
		drawToolbar();
		document.getElementById('search').focus();
	};
	const drawToolbar = () =>
		fill(box, filterControls(state.route.kind, state.place, state.filters, set), size);
	drawToolbar();
	return box;
}

async function change(state, what) {
	Object.assign(state, what);
	const { filters, sort, limit, offset } = state;
	history.replaceState(
		null,
		'',
		withQuery(state.route, {
			...filters,
			sort: sort === 'objectKey:asc' ? '' : sort,
			size: limit === SIZES[0] ? '' : limit,
			offset: offset || '',
		}),
	);
	await load(state);
}

let turn = 0;

async function load(state) {
	const mine = ++turn;
	const { place, route, filters, sort, limit, offset } = state;
	const view = {
		...place.filter,
		objectType: route.kind.type,
		resolveLinked: place.scope === 'w' ? undefined : true,
	};
	let reply;
	try {
		reply = await objects.list({
			...view,
			...filterQuery(filters),
			sorts: sort,
			limit,
			offset,
		});
	} catch (e) {
		if (mine === turn)
			fill(
				state.results,
				note(explain(e), 'bad'),
				button(T.tryAgain, () => load(state)),
			);
		return;
	}
	// An answer that a later search has overtaken is not shown.
	if (mine !== turn) return;
	draw(state, reply.data);
	if (state.place.scope !== 'w') addOrigins(state, mine);
	if (!state.watched) {
		state.watched = true;
		watch(view, reply.etag, () => {
			state.above = null;
			load(state);
		});
	}
}

function draw(state, page) {
	const { results, limit, offset } = state;
	const rows = page.environmentObjects;
	if (!rows.length && offset > 0) return change(state, { offset: Math.max(0, offset - limit) });
	if (!rows.length) return fill(results, nothing(state));
	fill(
		results,
		table(T.tableOf(state.route.kind.many, state.place.name), columns(state), rows, {
			sort: state.sort,
			onSort: async (sort) => {
				await change(state, { sort, offset: 0 });
				results.querySelector(`[data-sort="${sort.split(':')[0]}"]`)?.focus();
			},
		}),
		pager({
			offset,
			limit,
			total: page.totalCount,
			shown: rows.length,
			go: (to) => change(state, { offset: to }),
		}),
	);
	markChanged(state, rows);
}

/** Rows that others changed while the table was shown stand out for a moment. */
function markChanged(state, rows) {
	const texts = new Map(rows.map((r) => [r.objectKey, JSON.stringify(r)]));
	if (state.before) {
		const lines = state.results.querySelectorAll('tbody tr');
		rows.forEach((r, i) => {
			const former = state.before.get(r.objectKey);
			if (former !== undefined && former !== texts.get(r.objectKey))
				lines[i].classList.add('fresh');
		});
	}
	state.before = texts;
}

function nothing(state) {
	const { kind } = state.route;
	const { search } = state.filters;
	if (search || isFiltered(state.filters))
		return empty(
			search ? T.nothingFound(search) : T.nothingFits,
			isFiltered(state.filters) ? T.nothingFitsText : T.nothingFoundText,
			button(isFiltered(state.filters) ? T.clearFilters : T.clearSearch, state.clear),
		);
	return empty(
		T.noneYet(kind.many),
		state.place.scope === 'w' ? kind.first : T.firstAtDeployment(kind.many, state.place.type),
		createLink(state),
	);
}

// ---- columns ----

function columns(state) {
	const { kind } = state.route;
	return [
		{ title: kind.keyTitle, sort: 'objectKey', class: 'key', cell: (r) => keyCell(state, r) },
		...(kind.type === 'CONNECTION'
			? [{ title: T.type, cell: (r) => r.connection?.type ?? T.noValue }]
			: []),
		{ title: kind.valueTitle, class: 'value', cell: (r) => summary(r) },
		state.place.scope === 'w'
			? { title: T.linked, cell: (r) => linkedCell(r, state.place.id) }
			: { title: T.from, cell: (r) => originCell(state, r) },
		{
			title: T.updated,
			sort: 'updatedAt',
			class: 'when',
			cell: (r) => [time(r.updatedAt), by(r.updatedBy)],
		},
	];
}

function by(subject) {
	return h(
		'span',
		{ class: 'faint by' },
		subject ? (subject.apiTokenName ?? subject.username ?? subject.id) : T.commandLine,
	);
}

function keyCell({ route }, r) {
	return [
		link(r.objectKey, hrefOfObject(...sourceOf(route, r), route.kind, r.objectKey)),
		r.description ? h('span', { class: 'faint description' }, r.description) : null,
	];
}

/** Where an object is kept: the scope and id of its own address. */
function sourceOf(route, r) {
	if (!r.sourceScope) return [route.scope, route.id];
	return [{ WORKSPACE: 'w', DEPLOYMENT: 'd' }[r.sourceScope], r.sourceScopeEntityId];
}

export function summary(r) {
	const c = r.connection;
	if (c) {
		const host = `${c.host ?? ''}${c.port ? `:${c.port}` : ''}`;
		const text = `${c.login ?? ''}${c.login && host ? '@' : ''}${host}${c.schema ? `/${c.schema}` : ''}`;
		const extra = Object.keys(c.extra ?? {}).length;
		return [
			text
				? h('span', { class: 'clamped', title: text }, breakable(text))
				: h('span', { class: 'faint' }, extra ? T.membersOfExtra(extra) : T.noAddress),
		];
	}
	const v = r.airflowVariable ?? r.environmentVariable;
	if (v) return v.isSecret ? badge(T.secret) : h('code', {}, v.value);
	return r.metricsExport?.endpoint ?? h('span', { class: 'faint' }, T.noValue);
}

function linkedCell(r, workspaceId) {
	const map = flatten(r);
	const excluded = (r.excludeLinks ?? []).length;
	const linked = [...(r.links ?? []), ...(r.projectLinks ?? [])];
	const overridden = linked.filter((l) => overriddenAt(map, l.scopeEntityId).length).length;
	const places = [...deploymentsOf(workspaceId), ...projectsOf(workspaceId)];
	const names = linked
		.map((l) => places.find((p) => p.id === l.scopeEntityId)?.name ?? l.scopeEntityId)
		.join(', ');
	return [
		r.autoLinkDeployments
			? badge(T.linkedToAll, 'good')
			: badge(T.restricted, 'plain', { title: names || null }),
		h(
			'span',
			{ class: 'faint' },
			' ',
			r.autoLinkDeployments ? (excluded ? T.allBut(excluded) : '') : T.linkedTo(linked.length),
		),
		overridden ? h('span', { class: 'faint' }, ' · ', T.overriddenIn(overridden)) : null,
	];
}

// ---- where a value comes from ----

function originCell({ route, place }, r) {
	const [scope, id] = sourceOf(route, r);
	const own = !r.sourceScope;
	return h(
		'span',
		{ 'data-origin': r.objectKey },
		own
			? badge(T.ownOf(place.type), 'accent')
			: [
					badge(T.placeTypes[scope], 'plain'),
					' ',
					link(nameOf(id), hrefOfObject(scope, id, route.kind, r.objectKey)),
				],
		h('span', { class: 'more' }),
	);
}

/**
 * Adds what a resolved list does not tell: which fields a link overrides, and which Workspace
 * objects are hidden by a narrower one.
 */
async function addOrigins(state, mine) {
	const { place, route } = state;
	// Read once: a search or another page needs the same Workspace objects.
	state.above ??= objects.all({ workspaceId: place.workspaceId, objectType: route.kind.type });
	let above;
	try {
		above = await state.above;
	} catch {
		return; // a Deployment's token does not see its Workspace
	}
	if (mine !== turn) return;
	const byKey = new Map(above.map((o) => [o.objectKey, o]));
	for (const cell of state.results.querySelectorAll('[data-origin]')) {
		const object = byKey.get(cell.dataset.origin);
		if (object)
			fill(
				cell.querySelector('.more'),
				originText(state, object, cell.querySelector('.badge.accent')),
			);
	}
}

function originText({ place, route }, object, isOwn) {
	const map = flatten(object);
	if (isOwn) {
		const reaches = reach(map, place.id, place.scope === 'p');
		const hides = reaches === 'linked' || reaches === 'auto';
		return hides
			? [
					' ',
					link(
						T.hidesWorkspace,
						hrefOfObject('w', place.workspaceId, route.kind, object.objectKey),
						{ class: 'faint' },
					),
				]
			: null;
	}
	const names = [place.id, place.deploymentId]
		.filter(Boolean)
		.flatMap((id) => overriddenAt(map, id));
	return names.length
		? [
				' ',
				badge(T.override, 'warn'),
				' ',
				h('span', { class: 'faint' }, isVariable(object.objectType) ? '' : names.join(', ')),
			]
		: null;
}
