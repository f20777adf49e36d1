// SPDX-License-Identifier: Apache-2.0
// The audit log of the organization or of a Workspace. Deleted objects come back from here.

import { audit, may } from './api.js';
import { actionBadge, fieldList, who } from './history.js';
import { kindOfType } from './model.js';
import {
	button,
	checkbox,
	confirm,
	empty,
	explain,
	fill,
	fullTime,
	h,
	input,
	loading,
	note,
	pager,
	select,
	table,
	time,
	toast,
} from './parts.js';
import { known, nameOf } from './places.js';
import { withQuery } from './route.js';
import { T } from './texts.js';
import { contentOf } from './versions.js';

const PAGE = 100;
const SEARCH_MS = 200;

export async function show(route) {
	const state = {
		route,
		workspaceId: route.query.get('workspace') ?? '',
		action: route.query.get('action') ?? '',
		search: route.query.get('search') ?? '',
		reads: route.query.has('reads'),
		offset: 0,
		results: h('div', {}, loading()),
	};
	await load(state);
	return [
		h('h1', {}, T.auditTitle),
		h('p', { class: 'faint' }, T.auditText),
		toolbar(state),
		state.results,
	];
}

function change(state, what) {
	Object.assign(state, { offset: 0 }, what);
	const { workspaceId, action, search, reads } = state;
	const query = { workspace: workspaceId, action, search, reads: reads ? 'yes' : '' };
	history.replaceState(null, '', withQuery(state.route, query));
	return load(state);
}

function toolbar(state) {
	let timer;
	const search = (text) => {
		clearTimeout(timer);
		timer = setTimeout(() => change(state, { search: text.trim() }), SEARCH_MS);
	};
	return h(
		'div',
		{ class: 'toolbar', role: 'search' },
		input(state.search, search, {
			type: 'search',
			placeholder: T.searchNames,
			'aria-label': T.searchNames,
		}),
		select(
			[['', T.everywhere], ...known.workspaces.map((w) => [w.id, w.name])],
			state.workspaceId,
			(workspaceId) => change(state, { workspaceId }),
			{ 'aria-label': T.workspace, id: 'audit-workspace' },
		),
		select(
			[['', T.allActions], ...Object.entries(T.actions)],
			state.action,
			(action) => change(state, { action }),
			{ 'aria-label': T.what, id: 'audit-action' },
		),
		checkbox(T.showReads, state.reads, (reads) => change(state, { reads })),
	);
}

let turn = 0;

async function load(state) {
	const mine = ++turn;
	const { workspaceId, action, search, reads, offset } = state;
	try {
		const page = await audit.list({
			limit: PAGE,
			offset,
			workspaceId: workspaceId || undefined,
			action: action || undefined,
			search: search || undefined,
			reads: action || reads ? undefined : 'false',
		});
		if (mine === turn) draw(state, page);
	} catch (e) {
		if (mine === turn) {
			const again = button(T.tryAgain, () => load(state));
			fill(state.results, note(explain(e), 'bad'), again);
		}
	}
}

function draw(state, page) {
	const columns = [
		{ title: T.when, cell: (e) => time(e.at) },
		{ title: T.who, cell: who },
		{ title: T.what, cell: actionBadge },
		{ title: T.which, cell: subject },
		{ title: T.where, cell: (e) => nameOf(e.scopeEntityId) },
		{ title: T.fieldsTitle, cell: (e) => [fieldList(e), reviveButton(state, e)] },
	];
	const rows = page.history;
	fill(
		state.results,
		rows.length ? table(T.auditTitle, columns, rows) : empty(T.nothingHere, T.nothingInLog),
		pager({
			offset: state.offset,
			limit: PAGE,
			total: page.totalCount,
			shown: rows.length,
			go: (offset) => change(state, { offset }),
		}),
	);
}

function subject(e) {
	const kind = kindOfType(e.objectType);
	return [
		e.name ? h('code', {}, e.name) : null,
		kind ? h('span', { class: 'faint description nowrap' }, e.name ? kind.one : kind.many) : null,
	];
}

/** A DELETE names the version that was kept last. */
function reviveButton(state, e) {
	if (e.action !== 'DELETE' || !e.restorable || !may.write()) return null;
	return button(T.bringBack, () => revive(state, e), 'quiet', {
		'aria-label': T.bringBackOne(e.name),
	});
}

async function revive(state, e) {
	let content;
	try {
		content = await contentOf(e.subjectId, e.objectType, e.version);
	} catch (error) {
		toast(explain(error), 'bad');
		return;
	}
	const text = [T.bringBackText(fullTime(e.at)), content];
	if (!(await confirm(T.bringBackOne(e.name), text, T.bringBack, 'primary'))) return;
	try {
		await audit.restore(e.subjectId, e.version);
		toast(T.broughtBack(e.name));
		await load(state);
	} catch (error) {
		toast(explain(error), 'bad');
	}
}
