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
	loading,
	note,
	select,
	table,
	time,
	toast,
} from './parts.js';
import { known, nameOf } from './places.js';
import { withQuery } from './route.js';
import { T } from './texts.js';

const PAGE = 200; // entries in one request
const ENOUGH = 100; // entries shown at once
const MAX_REQUESTS = 10;

export async function show(route) {
	const state = {
		route,
		workspaceId: route.query.get('workspace') ?? '',
		action: '',
		reads: false,
		results: h('div', {}, loading()),
	};
	await begin(state);
	return [
		h('h1', {}, T.auditTitle),
		h('p', { class: 'faint' }, T.auditText),
		toolbar(state),
		state.results,
	];
}

function toolbar(state) {
	const change = (what) => {
		Object.assign(state, what);
		history.replaceState(null, '', withQuery(state.route, { workspace: state.workspaceId }));
		begin(state);
	};
	return h(
		'div',
		{ class: 'toolbar', role: 'search' },
		select(
			[['', T.everywhere], ...known.workspaces.map((w) => [w.id, w.name])],
			state.workspaceId,
			(workspaceId) => change({ workspaceId }),
			{ 'aria-label': T.workspace, id: 'audit-workspace' },
		),
		select(
			[['', T.allActions], ...Object.entries(T.actions)],
			state.action,
			(action) => change({ action }),
			{ 'aria-label': T.what, id: 'audit-action' },
		),
		checkbox(T.showReads, state.reads, (reads) => change({ reads })),
	);
}

function begin(state) {
	Object.assign(state, { rows: [], offset: 0, ended: false });
	return load(state);
}

const isRead = (e) => e.action === 'READ' || e.action === 'READ_SECRETS';
const matches = (state, e) =>
	state.action ? e.action === state.action : state.reads || !isRead(e);

/** Reads on until there are enough entries that match, or for a few requests. */
async function load(state) {
	const wanted = state.rows.length + ENOUGH;
	const { workspaceId, action, reads } = state;
	try {
		for (let i = 0; i < MAX_REQUESTS && !state.ended && state.rows.length < wanted; i++) {
			const page = await audit.list({
				limit: PAGE,
				offset: state.offset,
				workspaceId: workspaceId || undefined,
				action: action || undefined,
				reads: action || reads ? undefined : 'false',
			});
			if (state.workspaceId !== workspaceId || state.action !== action || state.reads !== reads)
				return;
			state.offset += page.history.length;
			state.ended = !page.history.length || state.offset >= page.totalCount;
			state.rows.push(...page.history.filter((e) => matches(state, e)));
		}
		draw(state);
	} catch (e) {
		fill(
			state.results,
			note(explain(e), 'bad'),
			button(T.tryAgain, () => begin(state)),
		);
	}
}

function draw(state) {
	const columns = [
		{ title: T.when, cell: (e) => time(e.at) },
		{ title: T.who, cell: who },
		{ title: T.what, cell: actionBadge },
		{ title: T.which, cell: subject },
		{ title: T.where, cell: (e) => nameOf(e.scopeEntityId) },
		{ title: T.fieldsTitle, cell: (e) => [fieldList(e), reviveButton(state, e)] },
	];
	fill(
		state.results,
		state.rows.length
			? table(T.auditTitle, columns, state.rows)
			: empty(T.nothingHere, T.nothingInLog),
		state.ended
			? null
			: h(
					'p',
					{ class: 'pager' },
					button(T.older, () => load(state)),
				),
	);
}

function subject(e) {
	const kind = kindOfType(e.objectType);
	return [
		e.name ? h('code', {}, e.name) : null,
		kind ? h('span', { class: 'faint description' }, e.name ? kind.one : kind.many) : null,
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
	if (
		!(await confirm(
			T.bringBackOne(e.name),
			T.bringBackText(fullTime(e.at)),
			T.bringBack,
			'primary',
		))
	)
		return;
	try {
		await audit.restore(e.subjectId, e.version);
		toast(T.broughtBack(e.name));
		await begin(state);
	} catch (error) {
		toast(explain(error), 'bad');
	}
}
