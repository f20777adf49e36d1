// SPDX-License-Identifier: Apache-2.0
// Import from files that Airflow exports, with a preview of what each entry would do; and export in
// the same form.

import { may, objects } from './api.js';
import { isSecretName, readAirflow, writeAirflow } from './airflow.js';
import { KEPT, changes, flatten, kindOfType, toBody } from './model.js';
import { placeLine } from './nav.js';
import {
	badge,
	button,
	checkbox,
	explain,
	field,
	fill,
	h,
	note,
	select,
	table,
	toast,
} from './parts.js';
import { deploymentsOf, known, mayWriteAt, placeOf } from './places.js';
import { T } from './texts.js';

export function show(route) {
	const place = placeOf(route);
	if (!place) return [h('h1', {}, T.transferTitle), note(T.notThere, 'bad')];
	const targets = [place, ...deploymentsOf(place.id).map((d) => placeOf({ scope: 'd', id: d.id }))];
	return [
		placeLine(route),
		h('h1', {}, T.transferTitle),
		h('section', { class: 'card', 'aria-labelledby': 'import-title' }, importPart(targets)),
		h('section', { class: 'card', 'aria-labelledby': 'export-title' }, exportPart(targets)),
	];
}

const placeSelect = (label, targets, choose) =>
	field(
		label,
		select(
			targets.map((p, i) => [String(i), `${p.type} ${p.name}`]),
			'0',
			(i) => choose(targets[i]),
		),
	);

// ---- import ----

function importPart(targets) {
	const head = h('h2', { id: 'import-title' }, T.importTitle);
	const writable = targets.filter(mayWriteAt);
	if (!writable.length) return [head, note(T.importNeedsWrite)];
	const results = h('div', { class: 'stack' });
	const state = { target: writable[0], overwrite: false, auto: true, entries: [], results };
	const again = (what) => (value) => {
		state[what] = value;
		preview(state);
	};
	const box = field(
		T.file,
		h('input', {
			type: 'file',
			accept: '.json,application/json',
			id: 'import-file',
			on: { change: (e) => readFile(state, box, e.target.files[0]) },
		}),
		{ hint: T.fileHint },
	);
	return [
		head,
		placeSelect(T.importInto, writable, again('target')),
		box,
		checkbox(T.overwrite, false, again('overwrite'), T.overwriteHint),
		checkbox(T.linkImported, true, again('auto'), T.linkImportedHint),
		results,
	];
}

async function readFile(state, box, file) {
	box.setError('');
	state.entries = [];
	if (file) {
		try {
			state.entries = readAirflow(await file.text());
		} catch (e) {
			box.setError(e.message);
		}
	}
	await preview(state);
}

/** Compares each entry with what is there, and shows what an import would do; nothing is sent. */
async function preview(state) {
	const { target, entries, results } = state;
	fill(results);
	if (!entries.length) return;
	try {
		for (const type of new Set(entries.map((e) => e.type))) {
			const there = new Map(
				(await objects.all({ ...target.filter, objectType: type })).map((o) => [o.objectKey, o]),
			);
			for (const e of entries) if (e.type === type) plan(state, e, there.get(e.key));
		}
		drawPlan(state);
	} catch (e) {
		fill(results, note(explain(e), 'bad'));
	}
}

function plan(state, entry, object) {
	entry.object = object;
	if (entry.problem) entry.does = 'refused';
	else if (!object) entry.does = 'create';
	else if (!state.overwrite) entry.does = 'skip';
	else {
		entry.base = flatten(object);
		entry.draft = merged(entry.base, entry);
		entry.does = changes(entry.base, entry.draft).length ? 'update' : 'same';
	}
}

/** The stored object with the file's values. Where it is linked, and what is overridden, stays. */
function merged(base, { type, typed, description }) {
	const kind = kindOfType(type);
	const now = new Map(
		[...base].filter(
			([p]) => !p.startsWith('v.') || base.get(p) === KEPT || p.startsWith('v.extra.'),
		),
	);
	const fresh = flatten({
		objectType: type,
		setFields: [],
		[kind.member]: { ...typed, isSecret: false },
	});
	for (const [p, v] of fresh) now.set(p, v);
	if (description) now.set('description', description);
	return now;
}

const TONES = { create: 'good', update: 'warn', refused: 'bad' };

function drawPlan(state, done) {
	const { entries, results } = state;
	const todo = entries.filter((e) => e.does === 'create' || e.does === 'update');
	const start = button(T.importCount(todo.length), () => run(state, todo), 'primary', {
		id: 'import-start',
	});
	fill(
		results,
		h('p', { role: 'status' }, done ?? T.planText(todo.length, entries.length)),
		table(
			T.importTitle,
			[
				{ title: T.key, cell: (e) => e.key },
				{
					title: T.type,
					cell: (e) => [kindOfType(e.type).one, isSecret(e) ? [' ', badge(T.secret)] : null],
				},
				{
					title: T.what,
					cell: (e) =>
						badge(T.does[e.does], TONES[e.does] ?? (e.does === 'done' ? 'good' : 'plain')),
				},
				{
					title: T.fieldsTitle,
					cell: (e) => h('span', { class: 'faint' }, e.problem ?? fieldsOf(e)),
				},
			],
			entries,
		),
		todo.length && !done ? start : null,
	);
}

const isSecret = (e) =>
	e.type === 'AIRFLOW_VARIABLE' && (e.object?.airflowVariable?.isSecret ?? isSecretName(e.key));

function fieldsOf(e) {
	if (e.does === 'create') return Object.keys(e.typed ?? {}).join(', ');
	return e.does === 'update'
		? changes(e.base, e.draft)
				.map((p) => p.replace(/^v\./, ''))
				.join(', ')
		: '';
}

/** One request after the other, so that the first refusals are seen early. */
async function run(state, todo) {
	document.getElementById('import-start').disabled = true;
	let failed = 0;
	for (const e of todo) {
		try {
			await send(state, e);
			e.does = 'done';
		} catch (error) {
			e.does = 'refused';
			e.problem = explain(error);
			failed++;
		}
	}
	drawPlan(state, T.importDone(todo.length - failed, failed));
}

async function send({ target, auto }, e) {
	if (e.object) {
		const { data, etag } = await objects.get(e.object.id);
		const base = flatten(data);
		await objects.update(
			e.object.id,
			toBody(base, merged(base, e), e.type, {
				atWorkspace: target.scope === 'w',
				projects: new Set((data.projectLinks ?? []).map((l) => l.scopeEntityId)),
			}),
			etag,
		);
		return;
	}
	const typed = e.type === 'AIRFLOW_VARIABLE' ? { ...e.typed, isSecret: isSecret(e) } : e.typed;
	await objects.create({
		objectKey: e.key,
		objectType: e.type,
		scope: target.apiScope,
		scopeEntityId: target.id,
		description: e.description,
		autoLinkDeployments: target.scope === 'w' ? auto : undefined,
		[kindOfType(e.type).member]: typed,
	});
}

// ---- export ----

function exportPart(targets) {
	const maySecrets = known.organization.environmentSecretsFetching;
	const state = { target: targets[0], secrets: false };
	const save = (type) => () => exportFile(state, type).catch((e) => toast(explain(e), 'bad'));
	return [
		h('h2', { id: 'export-title' }, T.exportTitle),
		h('p', { class: 'hint' }, T.exportText),
		placeSelect(
			T.exportFrom,
			targets.filter((p) => p.scope !== 'w' || may.seeWorkspace()),
			(p) => {
				state.target = p;
			},
		),
		maySecrets
			? checkbox(
					T.withSecrets,
					false,
					(on) => {
						state.secrets = on;
					},
					T.withSecretsHint,
				)
			: h('p', { class: 'hint' }, T.secretsAreOff),
		h(
			'p',
			{ class: 'toolbar' },
			button(T.exportConnections, save('CONNECTION')),
			button(T.exportVariables, save('AIRFLOW_VARIABLE')),
		),
	];
}

/** A Deployment's file has what it gets: its own objects and the linked ones, overrides applied. */
async function exportFile({ target, secrets }, type) {
	const rows = await objects.all({
		...target.filter,
		objectType: type,
		resolveLinked: target.scope !== 'w' || undefined,
		showSecrets: secrets || undefined,
	});
	const name = `${target.name}-${type === 'CONNECTION' ? 'connections' : 'variables'}.json`;
	const url = URL.createObjectURL(
		new Blob([writeAirflow(type, rows)], { type: 'application/json' }),
	);
	h('a', { href: url, download: name }).click();
	setTimeout(() => URL.revokeObjectURL(url), 1000);
	toast(T.exported(rows.length, name));
}
