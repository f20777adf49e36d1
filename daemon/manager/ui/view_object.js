// SPDX-License-Identifier: Apache-2.0
// One object: its form, where it is linked and what differs there, its history. Nothing is sent
// before a person has seen what changes, and never over what another has saved meanwhile.

import { authTypes, objects } from './api.js';
import { valueForm } from './form.js';
import { historySection } from './history.js';
import { linkSection } from './links.js';
import { watch } from './live.js';
import { changes, flatten, rebase, toBody } from './model.js';
import { placeLine } from './nav.js';
import {
	badge,
	busy,
	button,
	confirm,
	field,
	fill,
	h,
	input,
	link,
	note,
	time,
	toast,
	explain,
} from './parts.js';
import { known, mayWriteAt, placeOf, projectsOf, whyNotWrite } from './places.js';
import { go, hrefOf, hrefOfObject } from './route.js';
import { askWhoWins, reviewChanges } from './save.js';
import { T } from './texts.js';

export async function show(route, setDirty) {
	const place = placeOf(route);
	if (!place) return [h('h1', {}, T.environment), note(T.notThere, 'bad')];
	const found = route.key === undefined ? null : await find(place, route);
	if (route.key !== undefined && !found) return missing(route);
	const page = {
		route,
		place,
		setDirty,
		object: found?.data ?? null,
		etag: found?.etag,
		ctx: {
			type: route.kind.type,
			isNew: !found,
			fields: new Map(),
			errors: new Map(),
			authTypes: route.kind.type === 'CONNECTION' ? await authTypes() : [],
			readOnly: !mayWriteAt(place),
		},
	};
	page.key = found?.data.objectKey ?? '';
	begin(page);
	const nodes = draw(page);
	if (found) {
		const view = { ...place.filter, objectType: route.kind.type, objectKey: page.key };
		const listed = await objects.list({ ...view, limit: 0 });
		watch(view, listed.etag, () => othersChanged(page));
	}
	return nodes;
}

async function find(place, route) {
	const query = { ...place.filter, objectType: route.kind.type, objectKey: route.key, limit: 2 };
	const row = (await objects.list(query)).data.environmentObjects[0];
	return row ? objects.get(row.id) : null;
}

function missing(route) {
	return [
		placeLine(route),
		h('h1', {}, route.key),
		note(T.objectGone),
		link(T.backTo(route.kind.many), hrefOf(route.scope, route.id, route.kind)),
	];
}

/** The stored state, and a draft that is equal to it. */
function begin(page) {
	const { ctx, object, place } = page;
	ctx.base = object ? flatten(object) : new Map();
	ctx.draft = new Map(ctx.base);
	ctx.reveal = object && known.organization.environmentSecretsFetching ? () => reveal(page) : null;
	ctx.changed = () => changed(page);
	if (object) return;
	if (ctx.type === 'CONNECTION') {
		ctx.draft.set('v.type', 'postgres');
		ctx.draft.set('authTypeId', ctx.authTypes.find((a) => a.airflowType === 'postgres')?.id);
	}
	if (ctx.type === 'METRICS_EXPORT') ctx.draft.set('v.exporterType', 'PROMETHEUS');
	if (place.scope === 'w') ctx.draft.set('auto', true);
	page.blank = new Map(ctx.draft);
}

/** The values with their secrets; the manager's audit log notes the read. */
async function reveal({ object, place, ctx }) {
	const { data } = await objects.list({
		...place.filter,
		objectType: ctx.type,
		objectKey: object.objectKey,
		showSecrets: true,
		limit: 2,
	});
	const row = data.environmentObjects.find((o) => o.id === object.id);
	return flatten(unmasked(row));
}

/** A row whose values are all shown: nothing in it is to be taken for a hidden secret. */
function unmasked(row) {
	const plain = (typed) => typed && { ...typed, isSecret: false };
	const links = (list) => list?.map((l) => ({ ...l, setFields: [] }));
	return {
		...row,
		setFields: [],
		airflowVariable: plain(row.airflowVariable),
		environmentVariable: plain(row.environmentVariable),
		links: links(row.links),
		projectLinks: links(row.projectLinks),
	};
}

// ---- drawing ----

function draw(page) {
	const { route, place, object, ctx } = page;
	page.bar = h('div', { class: 'savebar', role: 'region', 'aria-label': T.unsaved });
	page.said = h('div', {});
	page.links = place.scope === 'w' ? linkSection(ctx, place.id) : null;
	page.nodes = [
		placeLine(route),
		h(
			'div',
			{ class: 'head' },
			heading(page),
			h('div', { class: 'head-actions' }, objectActions(page)),
		),
		object ? facts(page) : null,
		whyNotWrite(place) ? note(whyNotWrite(place)) : null,
		page.said,
		h(
			'form',
			{
				class: 'object',
				novalidate: true,
				on: {
					submit: (e) => {
						e.preventDefault();
						review(page);
					},
				},
			},
			h(
				'section',
				{ class: 'card', 'aria-label': route.kind.one },
				object ? null : keyField(page),
				valueForm(ctx),
			),
			page.links,
			page.bar,
		),
		object
			? historySection(page.object, ctx, {
					etag: () => page.etag,
					restored: () => reload(page),
					writing: (action) => writing(page, action),
				})
			: null,
	];
	changed(page);
	return page.nodes;
}

function heading({ route, object }) {
	return h(
		'div',
		{},
		h(
			'p',
			{ class: 'back' },
			link(`‹ ${route.kind.many}`, hrefOf(route.scope, route.id, route.kind)),
		),
		h('h1', {}, object ? object.objectKey : T.createOne(route.kind.one)),
	);
}

function facts({ object, place, ctx }) {
	return h(
		'p',
		{ class: 'facts faint' },
		place.scope === 'w'
			? badge(
					ctx.base.has('auto') ? T.linkedToAll : T.restricted,
					ctx.base.has('auto') ? 'good' : 'plain',
				)
			: null,
		' ',
		T.createdBy,
		' ',
		subject(object.createdBy),
		' ',
		time(object.createdAt),
		' · ',
		T.updatedBy,
		' ',
		subject(object.updatedBy),
		' ',
		time(object.updatedAt),
	);
}

const subject = (s) => s?.apiTokenName ?? s?.username ?? T.commandLine;

function keyField(page) {
	const { route } = page;
	const box = field(
		route.kind.keyTitle,
		input(
			page.key,
			(text) => {
				page.key = text.trim();
				box.setError('');
				changed(page);
			},
			{ id: 'object-key' },
		),
		{ required: true, hint: route.kind.keyHint },
	);
	page.keyBox = box;
	return box;
}

function objectActions(page) {
	const { object, ctx, place, route } = page;
	if (!object || ctx.readOnly) return null;
	return [
		place.scope === 'd' && ctx && mayWriteAt({ scope: 'w' })
			? button(T.promote, () => promote(page))
			: null,
		button(T.delete, () => remove(page), 'danger', {
			'aria-label': T.deleteOne(route.kind.one, object.objectKey),
		}),
	];
}

// ---- editing ----

function isDirty(page) {
	const { ctx } = page;
	if (ctx.isNew) return Boolean(page.key) || changes(page.blank, ctx.draft).length > 0;
	return changes(ctx.base, ctx.draft).length > 0;
}

function changed(page) {
	const { ctx, bar } = page;
	const dirty = isDirty(page);
	page.setDirty(dirty);
	if (!bar) return;
	const n = changes(ctx.isNew ? page.blank : ctx.base, ctx.draft).length;
	bar.hidden = !ctx.isNew && !dirty;
	const mark = `${ctx.isNew} ${n}`;
	if (bar.mark === mark) return;
	bar.mark = mark;
	const label = bar.querySelector('.unsaved-count');
	if (label) {
		label.textContent = ctx.isNew ? '' : T.changesCount(n);
		return;
	}
	fill(
		bar,
		h('span', { class: 'unsaved-count', role: 'status' }, ctx.isNew ? '' : T.changesCount(n)),
		ctx.isNew
			? link(T.cancel, hrefOf(page.route.scope, page.route.id, page.route.kind), {
					class: 'button',
				})
			: button(T.discard, () => reload(page)),
		h(
			'button',
			{ class: 'button primary', id: 'review' },
			ctx.isNew ? T.createOne(page.route.kind.one) : T.review,
		),
	);
}

function redraw(page) {
	page.ctx.fields.clear();
	page.ctx.errors.clear();
	const content = document.getElementById('content');
	fill(content, draw(page));
}

async function reload(page, { quiet } = {}) {
	const reply = await objects.get(page.object.id);
	page.object = reply.data;
	page.etag = reply.etag;
	begin(page);
	redraw(page);
	if (!quiet) document.querySelector('h1')?.focus();
}

/** While a change of ours is on its way, what is seen to change is that one. */
async function writing(page, action) {
	page.isWriting = true;
	try {
		return await action();
	} finally {
		page.isWriting = false;
	}
}

/** Another changed the object that is shown. */
async function othersChanged(page) {
	if (page.isWriting) return;
	let reply;
	try {
		reply = await objects.get(page.object.id, { etag: page.etag });
	} catch (e) {
		if (e.status === 404) fill(page.said, note(T.deletedMeanwhile(page.object.objectKey), 'warn'));
		return;
	}
	if (reply.status === 304 || reply.etag === page.etag || page.isWriting) return;
	if (isDirty(page)) {
		fill(page.said, note(T.changedMeanwhile(subject(reply.data.updatedBy)), 'warn'));
		return;
	}
	page.object = reply.data;
	page.etag = reply.etag;
	begin(page);
	redraw(page);
	toast(T.updatedByOther(subject(reply.data.updatedBy)));
}

// ---- saving ----

const REQUIRED = { CONNECTION: ['v.type'], METRICS_EXPORT: ['v.endpoint'] };

/** The first problem gets the focus. */
function isValid(page) {
	const { ctx } = page;
	if (ctx.isNew) page.keyBox.setError(page.key ? '' : T.keyMissing);
	for (const path of REQUIRED[ctx.type] ?? []) {
		const box = ctx.fields.get(path);
		if (box && !ctx.draft.get(path)) {
			box.setError(T.valueMissing);
			ctx.errors.set(path, T.valueMissing);
		} else if (ctx.errors.get(path) === T.valueMissing) {
			box?.setError('');
			ctx.errors.delete(path);
		}
	}
	const first = document.querySelector('form.object [aria-invalid="true"]');
	first?.focus();
	return !first && (!ctx.isNew || Boolean(page.key));
}

async function review(page) {
	if (page.ctx.readOnly || !isValid(page)) return;
	if (page.ctx.isNew) return create(page);
	if (!isDirty(page)) return;
	await reviewChanges(page.ctx, T.reviewTitle(page.object.objectKey), (box, problem) =>
		writing(page, () => save(page, box, problem)),
	);
}

function bodyOf({ ctx, place }) {
	return toBody(ctx.base, ctx.draft, ctx.type, {
		atWorkspace: place.scope === 'w',
		projects: new Set(projectsOf(place.workspaceId).map((p) => p.id)),
	});
}

async function create(page) {
	const { place, route, ctx } = page;
	const body = {
		objectKey: page.key,
		objectType: ctx.type,
		scope: place.apiScope,
		scopeEntityId: place.id,
		...bodyOf(page),
	};
	await busy(document.querySelector('form.object'), page.said, async () => {
		try {
			await objects.create(body);
		} catch (e) {
			if (!showFieldErrors(page, e)) throw e;
			return;
		}
		page.setDirty(false);
		toast(T.created(page.key));
		go(hrefOfObject(route.scope, route.id, route.kind, page.key));
	});
}

async function save(page, box, problem) {
	let done = false;
	await busy(box, problem, async () => {
		try {
			const reply = await objects.update(page.object.id, bodyOf(page), page.etag);
			saved(page, reply);
			done = true;
		} catch (e) {
			if (e.status === 412) {
				done = true;
				queueMicrotask(() => conflict(page));
			} else if (showFieldErrors(page, e)) done = true;
			else throw e;
		}
	});
	return done;
}

function saved(page, reply) {
	page.object = reply.data;
	page.etag = reply.etag;
	begin(page);
	redraw(page);
	toast(T.saved(page.object.objectKey));
}

/** Puts a 400's reasons beside their fields; false when it names none that is shown. */
function showFieldErrors(page, e) {
	const { ctx } = page;
	let first;
	for (const { field: name, message } of e.fieldErrors ?? []) {
		const path = name.replace(
			/^(connection|airflowVariable|environmentVariable|metricsExport)\./,
			'v.',
		);
		const box = name === 'objectKey' ? page.keyBox : ctx.fields.get(path);
		box?.setError(message);
		first ??= box;
	}
	if (e.status === 409 && page.keyBox) {
		page.keyBox.setError(e.message);
		first = page.keyBox;
	}
	if (first) setTimeout(() => first.control.focus());
	return Boolean(first);
}

async function conflict(page) {
	const { ctx } = page;
	let reply;
	try {
		reply = await objects.get(page.object.id);
	} catch (e) {
		fill(
			page.said,
			note(e.status === 404 ? T.deletedMeanwhile(page.object.objectKey) : explain(e), 'bad'),
		);
		return;
	}
	const theirs = flatten(reply.data);
	const choice = await askWhoWins(ctx, theirs, reply.data);
	if (!choice) return;
	const draft = choice === 'mine' ? rebase(ctx.base, ctx.draft, theirs) : theirs;
	page.object = reply.data;
	page.etag = reply.etag;
	begin(page);
	ctx.draft = new Map(draft);
	redraw(page);
	if (choice === 'mine' && isDirty(page)) await review(page);
}

// ---- other actions ----

async function remove(page) {
	const { object, place, route } = page;
	const places = place.scope === 'w' ? (object.links ?? []).length : 0;
	const text =
		place.scope !== 'w'
			? T.deleteText
			: object.autoLinkDeployments
				? T.deleteAllText
				: T.deleteLinkedText(places);
	if (!(await confirm(T.deleteTitle(object.objectKey), text, T.delete))) return;
	await busy(document.getElementById('content'), page.said, async () => {
		await objects.remove(object.id, page.etag).catch((e) => {
			throw e.status === 412 ? new Error(T.changedBeforeDelete) : e;
		});
		page.setDirty(false);
		toast(T.deleted(object.objectKey));
		go(hrefOf(route.scope, route.id, route.kind));
	});
}

async function promote(page) {
	const { object, place, route } = page;
	if (
		!(await confirm(
			T.promoteTitle(object.objectKey),
			T.promoteText(place.name),
			T.promote,
			'primary',
		))
	)
		return;
	await busy(document.getElementById('content'), page.said, async () => {
		await objects.promote(object.id, page.etag);
		page.setDirty(false);
		toast(T.promoted(object.objectKey));
		go(hrefOfObject('w', place.workspaceId, route.kind, object.objectKey));
	});
}
