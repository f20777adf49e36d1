// SPDX-License-Identifier: Apache-2.0
// Tokens: who may do what, when each was last used; making one, whose text is shown once; revoking.

import { may, session, tokens } from './api.js';
import {
	actions,
	badge,
	busy,
	button,
	confirm,
	dialog,
	explain,
	field,
	fill,
	h,
	input,
	note,
	select,
	table,
	time,
	toast,
} from './parts.js';
import { deploymentsOf, known, nameOf } from './places.js';
import { T } from './texts.js';

const ROLES = ['MEMBER', 'AUTHOR', 'OPERATOR', 'OWNER'];
const DAY = 86400;

export async function show() {
	if (!may.tokens())
		return [h('h1', {}, T.tokensTitle), note(T.tokensOwnersOnly(T.roles[session.role]))];
	const results = h('div');
	const state = { results, all: false };
	await load(state);
	return [
		h(
			'div',
			{ class: 'head' },
			h('h1', {}, T.tokensTitle),
			button(T.createToken, () => create(state), 'primary'),
		),
		h('p', { class: 'faint' }, T.tokensText),
		results,
	];
}

const isOver = (t) => Boolean(t.revokedAt) || (t.expiresAt && Date.parse(t.expiresAt) < Date.now());

async function load(state) {
	const rows = await tokens.list();
	const over = rows.filter(isOver).length;
	const shown = state.all ? rows : rows.filter((t) => !isOver(t));
	fill(
		state.results,
		table(
			T.tokensTitle,
			[
				{
					title: T.name,
					cell: (t) => [
						t.name,
						t.id === session.tokenId ? [' ', badge(T.thisSession, 'accent')] : null,
					],
				},
				{ title: T.role, cell: (t) => T.roles[t.role] },
				{
					title: T.where,
					cell: (t) => [
						h('span', { class: 'faint' }, T.scopes[t.scope]),
						' ',
						nameOf(t.scopeEntityId),
					],
				},
				{ title: T.lastUsed, cell: (t) => time(t.lastUsedAt) },
				{
					title: T.expires,
					cell: (t) =>
						t.revokedAt
							? badge(T.revoked, 'bad')
							: t.expiresAt
								? time(t.expiresAt)
								: h('span', { class: 'faint' }, T.never),
				},
				{
					title: T.createdTitle,
					cell: (t) => [
						time(t.createdAt),
						h('span', { class: 'faint by' }, t.createdBy?.apiTokenName ?? T.commandLine),
					],
				},
				{
					title: T.revoke,
					cell: (t) =>
						isOver(t)
							? null
							: button(T.revoke, () => revoke(state, t), 'quiet', {
									'aria-label': T.revokeOne(t.name),
								}),
				},
			],
			shown,
		),
		over
			? h(
					'p',
					{},
					button(
						state.all ? T.hideEnded : T.showEnded(over),
						() => {
							state.all = !state.all;
							load(state);
						},
						'quiet',
					),
				)
			: null,
	);
}

async function revoke(state, t) {
	const mine = t.id === session.tokenId;
	if (!(await confirm(T.revokeOne(t.name), mine ? T.revokeOwnText : T.revokeText, T.revoke)))
		return;
	try {
		await tokens.revoke(t.id);
		toast(T.tokenRevoked(t.name));
		await load(state);
	} catch (e) {
		toast(explain(e), 'bad');
	}
}

/** The places that a token of ours may be for: [scope:id, text]. */
function scopes() {
	const list = [];
	if (session.scope === 'ORGANIZATION')
		list.push([
			`ORGANIZATION:${known.organization.id}`,
			`${T.organization} ${known.organization.name}`,
		]);
	for (const w of known.workspaces) {
		if (session.scope !== 'DEPLOYMENT')
			list.push([`WORKSPACE:${w.id}`, `${T.workspace} ${w.name}`]);
		for (const d of deploymentsOf(w.id))
			list.push([`DEPLOYMENT:${d.id}`, `${T.deployment} ${d.name} (${w.name})`]);
	}
	return list;
}

function create(state) {
	const allowed = scopes();
	const wanted = { name: '', place: allowed[0][0], role: 'MEMBER', days: '90' };
	return dialog(T.createTokenTitle, (close, box) => {
		const problem = h('div');
		const name = field(
			T.name,
			input(
				'',
				(t) => {
					wanted.name = t.trim();
				},
				{ maxlength: '63', autofocus: true },
			),
			{ required: true, hint: T.tokenNameHint },
		);
		const submit = async (event) => {
			event.preventDefault();
			name.setError(wanted.name ? '' : T.nameMissing);
			if (!wanted.name) return name.control.focus();
			await busy(box, problem, async () => {
				const issued = await tokens.create(bodyOf(wanted));
				await load(state);
				fill(box, shownOnce(issued, close));
				box.querySelector('input').select();
			});
		};
		return h(
			'form',
			{ novalidate: true, on: { submit } },
			name,
			field(
				T.where,
				select(allowed, wanted.place, (v) => {
					wanted.place = v;
				}),
			),
			field(
				T.role,
				select(
					ROLES.slice(0, ROLES.indexOf(session.role) + 1).map((r) => [
						r,
						`${T.roles[r]}: ${T.roleTexts[r]}`,
					]),
					wanted.role,
					(v) => {
						wanted.role = v;
					},
				),
			),
			field(
				T.expires,
				select(
					['1', '7', '30', '90', '365', ''].map((d) => [d, d ? T.inDays(d) : T.never]),
					wanted.days,
					(v) => {
						wanted.days = v;
					},
				),
			),
			problem,
			actions(
				button(T.cancel, () => close()),
				h('button', { class: 'button primary' }, T.create),
			),
		);
	});
}

function bodyOf({ name, place, role, days }) {
	const [scope, scopeEntityId] = place.split(':');
	return {
		name,
		scope,
		scopeEntityId,
		role,
		expiresInSeconds: days ? Number(days) * DAY : undefined,
	};
}

function shownOnce(issued, close) {
	const text = h('input', {
		type: 'text',
		readonly: true,
		class: 'code',
		value: issued.token,
		id: 'issued-token',
	});
	const copy = button(T.copy, async () => {
		text.select();
		await navigator.clipboard.writeText(issued.token).then(
			() => toast(T.copied),
			() => toast(T.copyByHand, 'warn'),
		);
	});
	return [
		h('h2', {}, T.tokenCreated(issued.name)),
		note(T.shownOnce, 'warn'),
		field(T.token, text, { after: copy }),
		actions(button(T.done, () => close(), 'primary')),
	];
}
