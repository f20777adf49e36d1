// SPDX-License-Identifier: Apache-2.0
// Who did what when: rows of the audit log, of one object or of many, and the way back to an
// earlier version. The log has names of fields, never values.

import { objects } from './api.js';
import {
	badge,
	button,
	confirm,
	explain,
	fill,
	h,
	loading,
	note,
	pager,
	table,
	time,
	toast,
} from './parts.js';
import { nameOf } from './places.js';
import { T } from './texts.js';

const PAGE = 20;
const TONES = {
	CREATE: 'good',
	DELETE: 'bad',
	DELETE_ENTITY: 'bad',
	REVOKE_TOKEN: 'bad',
	READ_SECRETS: 'warn',
};

export const who = (entry) =>
	entry.by?.apiTokenName ?? entry.by?.username ?? entry.by?.id ?? T.commandLine;

export function actionBadge(entry) {
	return badge(T.actions[entry.action] ?? entry.action, TONES[entry.action] ?? 'plain');
}

export function fieldList(entry) {
	const names = entry.fields.slice(0, 8).join(', ');
	const more = entry.fields.length - 8;
	return h('span', { class: 'faint' }, more > 0 ? `${names}, ${T.andMore(more)}` : names);
}

/**
 * The history of an object; hooks: etag(), restored(), and
 * writing(action), which runs a change.
 */
export function historySection(object, ctx, hooks) {
	const results = h('div', {}, loading());
	const section = h(
		'section',
		{ class: 'card', 'aria-labelledby': 'history-title' },
		h('h2', { id: 'history-title' }, T.history),
		h('p', { class: 'hint' }, T.historyHint),
		results,
	);
	const state = { object, ctx, hooks, results, offset: 0 };
	load(state);
	return section;
}

async function load(state) {
	const { object, results, offset } = state;
	try {
		const page = await objects.history(object.id, { limit: PAGE, offset });
		draw(state, page);
	} catch (e) {
		fill(results, note(explain(e), 'bad'));
	}
}

function draw(state, page) {
	const newest = state.offset === 0 ? page.history.find((e) => e.version)?.version : undefined;
	state.newest ??= newest;
	fill(
		state.results,
		table(
			T.history,
			[
				{ title: T.when, cell: (e) => time(e.at) },
				{ title: T.who, cell: who },
				{
					title: T.what,
					cell: (e) => [
						actionBadge(e),
						' ',
						e.version ? h('span', { class: 'faint' }, T.version(e.version)) : null,
					],
				},
				{
					title: T.fieldsTitle,
					cell: (e) => [fieldList(e), restoreButton(state, e)],
				},
			],
			page.history,
		),
		pager({
			offset: state.offset,
			limit: PAGE,
			total: page.totalCount,
			shown: page.history.length,
			go: (to) => {
				state.offset = to;
				load(state);
			},
		}),
	);
}

function restoreButton(state, entry) {
	if (!entry.restorable || entry.version === state.newest || state.ctx.readOnly) return null;
	return button(T.compareRestore, () => restore(state, entry), 'quiet', {
		'aria-label': T.restoreVersion(entry.version),
	});
}

/** "links.<id>.host" with the name of the place in the place of its id. */
function fieldName(field) {
	const [list, id, ...rest] = field.split('.');
	if (list !== 'links' && list !== 'excludeLinks') return field;
	return [list, nameOf(id), ...rest].join('.');
}

/** The fields that differ from that version, each once, and who changed them. */
function differences(since) {
	const names = [...new Set(since.flatMap((e) => e.fields))].sort();
	return h(
		'table',
		{ class: 'changes' },
		h('caption', { class: 'unseen' }, T.changedSince),
		names.map((name) => {
			const changes = since.filter((e) => e.fields.includes(name));
			const last = changes[0];
			return h(
				'tr',
				{},
				h('th', { scope: 'row' }, fieldName(name)),
				h('td', {}, time(last.at), ` ${who(last)}`),
			);
		}),
	);
}

/** What has changed since that version, in names of fields; then back to it as a new version. */
async function restore({ object, hooks, newest }, entry) {
	let since;
	try {
		const page = await objects.history(object.id, { limit: 1000, offset: 0 });
		since = page.history.filter((e) => e.version > entry.version && !e.action.startsWith('READ'));
	} catch (e) {
		toast(explain(e), 'bad');
		return;
	}
	const text = [T.restoreText(entry.version, newest), differences(since)];
	if (!(await confirm(T.restoreVersion(entry.version), text, T.restore, 'primary'))) return;
	try {
		await hooks.writing(async () => {
			await objects.restore(object.id, entry.version, hooks.etag());
			await hooks.restored();
		});
		toast(T.restored(entry.version));
	} catch (e) {
		toast(e.status === 412 ? T.changedBeforeRestore : explain(e), 'bad');
	}
}
