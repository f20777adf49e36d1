// SPDX-License-Identifier: Apache-2.0
// Which Deployments and projects a Workspace's object reaches, and the fields that differ there.

import {
	FIELDS,
	KEPT,
	isVariable,
	memberOf,
	overriddenAt,
	reach,
	setReach,
	shown,
} from './model.js';
import { dataTypeOf, isSecretField, labelOf, valueField } from './form.js';
import { badge, button, checkbox, field, fill, h, input, newId, select } from './parts.js';
import { deploymentsOf, projectsOf } from './places.js';
import { T } from './texts.js';

const MANY = 10;

/** The section below the form; ctx as in form.js. */
export function linkSection(ctx, workspaceId) {
	const box = h('section', { class: 'card', 'aria-labelledby': 'links-title' });
	const open = new Set();
	const draw = () => {
		const at = document.activeElement?.closest('[data-row]')?.dataset.row;
		const deployments = deploymentsOf(workspaceId);
		const projects = projectsOf(workspaceId);
		fill(
			box,
			h('h2', { id: 'links-title' }, T.linksTitle),
			autoChoice(ctx, draw, false),
			deployments.length
				? placeRows(ctx, draw, open, deployments, false)
				: h('p', { class: 'faint' }, T.noDeployments),
			projects.length
				? [
						h('h3', {}, T.projects),
						checkbox(T.linkedToAllProjects, ctx.draft.has('autop'), setFlag(ctx, 'autop', draw)),
						placeRows(ctx, draw, open, projects, true),
					]
				: null,
		);
		if (at) box.querySelector(`[data-row="${at}"] input, [data-row="${at}"] button`)?.focus();
		if (ctx.readOnly) for (const c of box.querySelectorAll('input, select')) c.disabled = true;
	};
	draw();
	box.redraw = draw;
	return box;
}

function setFlag(ctx, path, draw) {
	return (on) => {
		if (on) ctx.draft.set(path, true);
		else ctx.draft.delete(path);
		ctx.changed();
		draw();
	};
}

function autoChoice(ctx, draw) {
	const choose = (auto) => {
		if (auto) ctx.draft.set('auto', true);
		else {
			ctx.draft.delete('auto');
			for (const p of [...ctx.draft.keys()]) if (p.startsWith('excl.')) ctx.draft.delete(p);
		}
		ctx.changed();
		draw();
		box.querySelector('input:checked')?.focus();
	};
	const name = newId('reach');
	const option = (auto, label, hint) => {
		const id = newId('radio');
		return h(
			'div',
			{ class: 'check' },
			h('input', {
				type: 'radio',
				name,
				id,
				checked: ctx.draft.has('auto') === auto,
				'aria-describedby': `${id}-hint`,
				on: { change: () => choose(auto) },
			}),
			h('label', { for: id }, label),
			h('p', { class: 'hint', id: `${id}-hint` }, hint),
		);
	};
	const box = h(
		'fieldset',
		{ class: 'reach' },
		h('legend', {}, T.whoGetsIt),
		option(false, T.restricted, T.restrictedHint),
		option(true, T.linkedToAll, T.linkedToAllHint),
	);
	return box;
}

function placeRows(ctx, draw, open, places, isProject) {
	const list = h(
		'ul',
		{ class: 'links' },
		places.map((p) => placeRow(ctx, draw, open, p, isProject)),
	);
	if (places.length <= MANY) return list;
	const filter = input(
		'',
		(text) => {
			places.forEach((p, i) => {
				list.children[i].hidden = !p.name.toLowerCase().includes(text.toLowerCase());
			});
		},
		{ type: 'search', placeholder: T.filter, 'aria-label': T.filterPlaces(T.deployments) },
	);
	return [filter, list];
}

const STATES = { linked: ['good'], auto: ['good'], excluded: ['warn'], none: ['plain'] };

function placeRow(ctx, draw, open, place, isProject) {
	const state = reach(ctx.draft, place.id, isProject);
	const reaches = state === 'linked' || state === 'auto';
	const overridden = overriddenAt(ctx.draft, place.id);
	const id = newId('overrides');
	const isOpen = open.has(place.id) && reaches;
	const toggle = () => {
		if (isOpen) open.delete(place.id);
		else open.add(place.id);
		draw();
	};
	const canExclude = !(isProject && state === 'auto');
	return h(
		'li',
		{ 'data-row': place.id },
		h(
			'div',
			{ class: 'link-row' },
			canExclude
				? checkbox(place.name, reaches, (on) => {
						setReach(ctx.draft, place.id, isProject, on);
						ctx.changed();
						draw();
					})
				: h('strong', {}, place.name),
			badge(T.reach[state], STATES[state][0]),
			overridden.length
				? badge(T.overrides(overridden.length), 'warn', { title: overridden.join(', ') })
				: null,
			reaches && (overridden.length || !ctx.readOnly)
				? button(T.fieldOverrides, toggle, 'quiet', {
						'aria-expanded': String(isOpen),
						'aria-controls': isOpen ? id : null,
						'aria-label': T.fieldOverridesOf(place.name),
					})
				: null,
		),
		isOpen ? overridePanel(ctx, draw, place, id) : null,
	);
}

// ---- overrides ----

/** The fields that can be overridden: those that have a value, or an override already. */
function overridable(ctx, placeId) {
	const names =
		ctx.type === 'CONNECTION' || ctx.type === 'METRICS_EXPORT' ? [...FIELDS[ctx.type]] : ['value'];
	for (const p of ctx.draft.keys()) {
		const name = p.startsWith('v.') ? p.slice(2) : null;
		if (name && memberOf(ctx.type, name)) names.push(name);
	}
	return [...new Set([...names, ...overriddenAt(ctx.draft, placeId)])];
}

function overridePanel(ctx, draw, place, id) {
	const names = overridable(ctx, place.id);
	return h(
		'div',
		{ class: 'overrides', id, role: 'group', 'aria-label': T.fieldOverridesOf(place.name) },
		h('p', { class: 'hint' }, T.overridesHint(place.name)),
		names.map((name) => overrideRow(ctx, draw, place, name)),
		ctx.readOnly || isVariable(ctx.type) ? null : addOverride(ctx, draw, place),
	);
}

function overrideRow(ctx, draw, place, name) {
	const path = `o.${place.id}.${name}`;
	const secret = isSecretField(ctx, name);
	const label = labelOf(ctx, name);
	const above = ctx.draft.get(`v.${name}`);
	const inherited = h(
		'span',
		{ class: 'inherited' },
		T.workspaceValue,
		' ',
		h('code', {}, shown(above, secret && above !== undefined)),
	);
	if (!ctx.draft.has(path)) {
		return h(
			'div',
			{ class: 'override' },
			h('span', { class: 'name' }, label),
			h('span', {}, badge(T.inherited), ' ', inherited),
			ctx.readOnly
				? null
				: button(
						T.override,
						() => {
							if (!ctx.draft.has(`link.${place.id}`)) ctx.draft.set(`link.${place.id}`, true);
							ctx.draft.set(path, ctx.base.get(path) ?? '');
							ctx.changed();
							draw();
							document.querySelector(`[data-path="${CSS.escape(path)}"]`)?.focus();
						},
						'quiet',
						{ 'aria-label': T.overrideField(label) },
					),
		);
	}
	const reset = ctx.readOnly
		? null
		: button(
				T.reset,
				() => {
					ctx.draft.delete(path);
					ctx.errors.delete(path);
					ctx.changed();
					draw();
				},
				'quiet',
				{ 'aria-label': T.resetField(label) },
			);
	return h(
		'div',
		{ class: 'override is-set' },
		valueField(overriding(ctx, path), path, {
			label,
			secret,
			dataType: dataTypeOf(ctx, name),
			after: reset,
		}),
		inherited,
	);
}

/** An emptied override stays an override until it is reset. */
function overriding(ctx, path) {
	return {
		...ctx,
		changed: () => {
			if (!ctx.draft.has(path)) ctx.draft.set(path, ctx.base.get(path) === KEPT ? KEPT : '');
			ctx.changed();
		},
	};
}

function addOverride(ctx, draw, place) {
	const maps = ctx.type === 'CONNECTION' ? ['extra'] : ['headers', 'labels'];
	let map = maps[0];
	const name = input('', () => {});
	const box = field(ctx.type === 'CONNECTION' ? T.newMember : T.newEntry, name, {
		hint: T.newOverrideHint,
		after: [
			maps.length > 1
				? select(
						maps.map((m) => [m, T.fields[m]]),
						map,
						(m) => {
							map = m;
						},
						{ 'aria-label': T.where },
					)
				: null,
			button(T.override, add),
		],
	});
	function add() {
		const path = `o.${place.id}.${map}.${name.value.trim()}`;
		if (!name.value.trim() || ctx.draft.has(path))
			return box.setError(name.value.trim() ? T.memberExists : T.nameMissing);
		ctx.draft.set(`link.${place.id}`, true);
		ctx.draft.set(path, '');
		ctx.changed();
		draw();
		document.querySelector(`[data-path="${CSS.escape(path)}"]`)?.focus();
	}
	return box;
}
