// SPDX-License-Identifier: Apache-2.0
// Versions of one object: what they have, and what differs between two. Secrets are never shown of
// an earlier version; that they differ is.

import { authTypes, objects } from './api.js';
import { actions, button, dialog, explain, fill, h, loading, note, select } from './parts.js';
import { KEPT, changes, flatten } from './model.js';
import { changeTable, fieldTable } from './save.js';
import { T } from './texts.js';

/** What the tables of values need to know; map: the values that decide about labels. */
async function contextOf(type, map) {
	return {
		type,
		authTypes: type === 'CONNECTION' ? await authTypes() : [],
		base: new Map(),
		draft: map,
		isShown: true,
	};
}

/** The path of a field that the manager names: "links.ID.extra.a" is "o.ID.extra.a". */
function pathOf(name) {
	const [list, id, ...rest] = name.split('.');
	if (list === 'links') return rest.length ? `o.${id}.${rest.join('.')}` : `link.${id}`;
	if (list === 'excludeLinks') return `excl.${id}`;
	if (name === 'autoLinkDeployments') return 'auto';
	if (name === 'autoLinkProjects') return 'autop';
	return name === 'description' ? name : `v.${name}`;
}

/** What differs between two versions, as a table; from: the one on the left. */
async function comparison(object, from, to, nameOfVersion) {
	const [left, right] = await Promise.all([
		objects.version(object.id, from),
		objects.version(object.id, to, from),
	]);
	const before = flatten(left.environmentObject);
	const after = flatten(right.environmentObject);
	const secrets = right.changedFields
		.map(pathOf)
		.filter((path) => before.get(path) === KEPT && after.get(path) === KEPT);
	if (!secrets.length && !changes(before, after).length) return note(T.noDifference);
	const ctx = await contextOf(object.objectType, after);
	const heads = [from, to].map(nameOfVersion);
	return changeTable(ctx, before, after, T.compareVersions(from, to), { heads, secrets });
}

/** All that a version has, as a table. */
export async function contentOf(id, type, version) {
	const { environmentObject } = await objects.version(id, version);
	const map = flatten(environmentObject);
	return fieldTable(await contextOf(type, map), map, T.version(version));
}

/**
 * Shows a version beside another one, which a person may change. versions: the numbers that are
 * kept, the newest first. Resolves to true when the version is to be restored.
 */
export function compareVersions(object, version, against, versions, mayRestore) {
	const newest = versions[0];
	const nameOfVersion = (v) => (v === newest ? T.versionNow(v) : T.version(v));
	const others = versions.filter((v) => v !== version);
	const results = h('div', { class: 'comparison', role: 'status' }, loading());
	let turn = 0;
	const show = async (other) => {
		const mine = ++turn;
		const shown = await comparison(object, other, version, nameOfVersion).catch((e) =>
			note(explain(e), 'bad'),
		);
		if (mine === turn) fill(results, shown);
	};
	show(against);
	return dialog(
		T.versionOf(version, object.objectKey),
		(close) => [
			h(
				'p',
				{ class: 'inline' },
				h('label', { for: 'against' }, T.comparedWith),
				select(
					others.map((v) => [String(v), nameOfVersion(v)]),
					String(against),
					(v) => show(Number(v)),
					{ id: 'against' },
				),
			),
			results,
			mayRestore ? h('p', {}, T.restoreText(version, newest)) : null,
			actions(
				button(T.close, () => close(), '', { autofocus: true }),
				mayRestore ? button(T.restore, () => close(true), 'primary') : null,
			),
		],
		{ class: 'wide' },
	);
}
