// SPDX-License-Identifier: Apache-2.0
// Who did what when: rows of the audit log, of one object or of many, and the way back to an
// earlier version. The log has names of fields, never values.

import { objects } from './api.js';
import {
	badge,
	button,
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
import { compareVersions } from './versions.js';

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

/** "links.ID.host" with the name of the place in the place of its id. */
function fieldName(field) {
	const [list, id, ...rest] = field.split('.');
	if (list !== 'links' && list !== 'excludeLinks') return field;
	return [list, nameOf(id), ...rest].join('.');
}

export function fieldList(entry) {
	if (!entry.fields.length) return null;
	const names = entry.fields.slice(0, 8).map(fieldName).join(', ');
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
	const newest = state.offset === 0 ? page.history.find(isChange)?.version : undefined;
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
						e.version ? h('span', { class: 'faint nowrap' }, T.version(e.version)) : null,
					],
				},
				{
					title: T.fieldsTitle,
					cell: (e) => [fieldList(e), versionButtons(state, e)],
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

const isChange = (e) => e.version && e.restorable && !e.action.startsWith('READ');

function versionButtons(state, entry) {
	if (!isChange(entry)) return null;
	const { newest, ctx } = state;
	const v = entry.version;
	return [
		v > 1
			? button(T.showValues, () => compare(state, v, v - 1), 'quiet', {
					'aria-label': T.valuesOf(v),
				})
			: null,
		v === newest || ctx.readOnly
			? null
			: button(T.compareRestore, () => compare(state, v, newest), 'quiet', {
					'aria-label': T.restoreVersion(v),
				}),
	];
}

/** The versions that are kept, the newest first. */
async function keptVersions(object) {
	const page = await objects.history(object.id, { limit: 1000, offset: 0 });
	return page.history.filter(isChange).map((e) => e.version);
}

/** A version beside another one; then, if a person wants it, back to it as a new version. */
async function compare({ object, ctx, hooks }, version, against) {
	let versions;
	try {
		versions = await keptVersions(object);
	} catch (e) {
		toast(explain(e), 'bad');
		return;
	}
	const other = versions.includes(against) ? against : versions.find((v) => v !== version);
	if (other === undefined) {
		toast(T.nothingToCompare);
		return;
	}
	const mayRestore = !ctx.readOnly && version !== versions[0];
	if (!(await compareVersions(object, version, other, versions, mayRestore))) return;
	try {
		await hooks.writing(async () => {
			await objects.restore(object.id, version, hooks.etag());
			await hooks.restored();
		});
		toast(T.restored(version));
	} catch (e) {
		toast(e.status === 412 ? T.changedBeforeRestore : explain(e), 'bad');
	}
}
