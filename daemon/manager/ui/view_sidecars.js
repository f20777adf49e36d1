// SPDX-License-Identifier: Apache-2.0
// The fleet: each connd that reads here, and whether it has the newest data. A change shows itself
// arriving, because what is shown is asked for again every few seconds.

import { sidecars } from './api.js';
import { every } from './live.js';
import {
	badge,
	button,
	empty,
	explain,
	fill,
	h,
	loading,
	note,
	pager,
	table,
	time,
} from './parts.js';
import { nameOf } from './places.js';
import { T } from './texts.js';

const PAGE = 100;
const SECONDS = 3;

export async function show() {
	const state = { offset: 0, results: h('div', { class: 'stack' }, loading()) };
	await load(state);
	every(SECONDS, () => load(state));
	return [h('h1', {}, T.sidecarsTitle), h('p', { class: 'faint' }, T.sidecarsText), state.results];
}

async function load(state) {
	let page;
	try {
		page = await sidecars.list({ limit: PAGE, offset: state.offset });
	} catch (e) {
		fill(
			state.results,
			note(explain(e), 'bad'),
			button(T.tryAgain, () => load(state)),
		);
		return;
	}
	// Nothing is drawn anew while it says the same, so that the focus and a selection stay.
	const text = JSON.stringify(page);
	if (text === state.text) return;
	state.text = text;
	draw(state, page);
}

function draw(state, page) {
	const rows = page.sidecars;
	if (!page.totalCount) {
		fill(state.results, empty(T.noSidecars, T.noSidecarsText));
		return;
	}
	fill(
		state.results,
		h(
			'p',
			{ class: 'fleet', role: 'status' },
			h('strong', {}, T.onNewest(page.newest, page.totalCount)),
			' ',
			counts(page),
		),
		table(T.sidecarsTitle, COLUMNS, rows),
		pager({
			offset: state.offset,
			limit: PAGE,
			total: page.totalCount,
			shown: rows.length,
			go: (to) => {
				state.offset = to;
				load(state);
			},
		}),
	);
}

function counts(page) {
	return [
		page.behind ? [badge(T.behind(page.behind), 'warn'), ' '] : null,
		page.silent ? badge(T.silent(page.silent), 'bad') : null,
	];
}

const TONES = { NEWEST: 'good', BEHIND: 'warn', SILENT: 'bad' };

const COLUMNS = [
	{
		title: T.host,
		class: 'host',
		cell: (s) => [
			s.name,
			s.version ? h('span', { class: 'faint description' }, T.conndVersion(s.version)) : null,
		],
	},
	{
		title: T.where,
		cell: (s) => [h('span', { class: 'faint' }, T.scopes[s.scope]), ' ', nameOf(s.scopeEntityId)],
	},
	{
		title: T.status,
		cell: (s) => [
			badge(T.statuses[s.status], TONES[s.status]),
			s.behindSince ? h('span', { class: 'faint' }, ` ${T.since} `, time(s.behindSince)) : null,
		],
	},
	{ title: T.confirmed, cell: (s) => time(s.confirmedAt) },
	{
		title: T.state,
		cell: (s) => [
			s.state,
			s.lastError ? h('span', { class: 'faint description' }, s.lastError) : null,
		],
	},
	{ title: T.snapshot, cell: (s) => s.snapshot },
	{ title: T.generation, cell: (s) => h('code', {}, String(s.generation)) },
	{ title: T.lastReport, cell: (s) => time(s.seenAt) },
];
