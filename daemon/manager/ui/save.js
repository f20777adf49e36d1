// SPDX-License-Identifier: Apache-2.0
// Before a change is sent: what it changes. After a refusal because another has changed the object:
// what that was, and which of the two should stand.

import { KEPT, changes, memberOf, shown } from './model.js';
import { isSecretField, labelOf } from './form.js';
import { actions, badge, button, dialog, fullTime, h } from './parts.js';
import { nameOf } from './places.js';
import { T } from './texts.js';

/** A path in words: ["Deployment prod", "Host"]. */
function describe(ctx, path) {
	const [first, second] = path.split('.');
	if (first === 'v') return [T.object, labelOf(ctx, path.slice(2))];
	if (first === 'o') return [nameOf(second), labelOf(ctx, path.slice(`o.${second}.`.length))];
	if (first === 'link') return [nameOf(second), T.link];
	if (first === 'excl') return [nameOf(second), T.exclusion];
	return [T.object, T.paths[first] ?? first];
}

/** The object's own fields first, then place by place. */
function inOrder(paths) {
	const rank = (path) => (/^(link|excl|o)\./.test(path) ? `1${path.split('.')[1]}` : '0');
	return paths.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function shownAt(ctx, map, path) {
	const value = map.get(path);
	if (value === undefined && path.startsWith('o.')) return T.inherited;
	const name = path.startsWith('v.')
		? path.slice(2)
		: path.startsWith('o.')
			? path.split('.').slice(2).join('.')
			: '';
	if (path === 'authTypeId')
		return ctx.authTypes.find((a) => a.id === value)?.authMethodName ?? shown(value);
	return shown(
		value,
		Boolean(name) &&
			!ctx.isShown &&
			value !== KEPT &&
			value !== undefined &&
			(isSecretField(ctx, name) || ctx.base.get(path) === KEPT),
	);
}

/**
 * A table of the changes from one map to another. Options: heads, the titles of the two; secrets,
 * paths of values that nobody sees and that differ, too.
 */
export function changeTable(ctx, before, after, caption, options = {}) {
	const { heads = [T.before, T.after], secrets = [] } = options;
	const paths = [...new Set([...changes(before, after), ...secrets])];
	const row = (path) => {
		const [where, what] = describe(ctx, path);
		const isHidden = before.get(path) === KEPT && after.get(path) === KEPT;
		return h(
			'tr',
			{},
			h(
				'th',
				{ scope: 'row' },
				where === T.object ? null : [badge(where, 'accent'), ' '],
				what,
				memberOf(ctx.type, path.replace(/^(v|o\.[^.]+)\./, ''))
					? h('span', { class: 'faint' }, ` ${T.inExtra}`)
					: null,
			),
			h('td', { 'data-title': heads[0] }, h('del', {}, shownAt(ctx, before, path))),
			h(
				'td',
				{ 'data-title': heads[1] },
				h('ins', {}, isHidden ? T.anotherSecret : shownAt(ctx, after, path)),
			),
		);
	};
	return h(
		'div',
		{ class: 'table' },
		h(
			'table',
			{ class: 'changes' },
			h('caption', { class: 'unseen' }, caption),
			h(
				'thead',
				{},
				h(
					'tr',
					{},
					[T.fieldColumn, ...heads].map((t) => h('th', { scope: 'col' }, t)),
				),
			),
			h('tbody', {}, inOrder(paths).map(row)),
		),
	);
}

/** A table of all that an object has. */
export function fieldTable(ctx, map, caption) {
	const row = (path) => {
		const [where, what] = describe(ctx, path);
		return h(
			'tr',
			{},
			h('th', { scope: 'row' }, where === T.object ? null : [badge(where, 'accent'), ' '], what),
			h('td', {}, shownAt(ctx, map, path)),
		);
	};
	return h(
		'div',
		{ class: 'table' },
		h(
			'table',
			{ class: 'changes' },
			h('caption', { class: 'unseen' }, caption),
			h('tbody', {}, inOrder([...map.keys()]).map(row)),
		),
	);
}

/**
 * Shows what will be saved; save() is called when a person agrees. It resolves to true when that
 * worked; a refusal is shown in the dialog by save() itself, which is given the place for it.
 */
export function reviewChanges(ctx, title, save) {
	return dialog(
		title,
		(close, box) => {
			const problem = h('div');
			const agree = button(
				T.save,
				async () => {
					if (await save(box, problem)) close(true);
				},
				'primary',
				{ autofocus: true, id: 'confirm-save' },
			);
			return [
				h('p', {}, T.reviewText),
				changeTable(ctx, ctx.base, ctx.draft, title),
				problem,
				actions(
					button(T.backToEditing, () => close()),
					agree,
				),
			];
		},
		{ class: 'wide' },
	);
}

/** What another saved meanwhile. Resolves to "mine", "theirs" or undefined. */
export function askWhoWins(ctx, theirs, object) {
	const who = object.updatedBy?.apiTokenName ?? object.updatedBy?.username ?? T.commandLine;
	const clash = changes(ctx.base, theirs).filter((p) => changes(ctx.base, ctx.draft).includes(p));
	return dialog(
		T.conflictTitle,
		(close) => [
			h('p', { role: 'alert' }, T.conflictText(who, fullTime(object.updatedAt))),
			h('h3', {}, T.theirChanges),
			changeTable(ctx, ctx.base, theirs, T.theirChanges),
			h('h3', {}, T.yourChanges),
			changeTable(ctx, ctx.base, ctx.draft, T.yourChanges),
			h(
				'p',
				{},
				clash.length
					? T.conflictClash(clash.map((p) => describe(ctx, p).join(': ')).join(', '))
					: T.conflictNoClash,
			),
			actions(
				button(T.backToEditing, () => close()),
				button(T.takeTheirs, () => close('theirs')),
				button(T.putMineOnTop, () => close('mine'), 'primary'),
			),
		],
		{ class: 'wide' },
	);
}
