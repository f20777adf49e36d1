// SPDX-License-Identifier: Apache-2.0
// The form of one object's own values. A form has a context:
//
//   type, base, draft     the kind of object, its stored values and the edited ones (model.js)
//   fields, errors        the shown fields and what is wrong with them, by path
//   authTypes             the catalogue
//   readOnly              nothing may be changed
//   changed()             is called after each change of draft
//   reveal                null, or a function that resolves to the map with the secrets in it

import { FIELDS, KEPT, fromText, isVariable, jsonErrorAt, memberOf, toText } from './model.js';
import { parseJson } from './api.js';
import { badge, button, checkbox, explain, field, fill, h, input, select, toast } from './parts.js';
import { T } from './texts.js';

const LONG = /key|json|dict|certificate|content|^value$/i;

function setError(ctx, path, text) {
	if (text) ctx.errors.set(path, text);
	else ctx.errors.delete(path);
	ctx.fields.get(path)?.setError(text);
}

export function assign(ctx, path, value) {
	if (value === undefined) ctx.draft.delete(path);
	else ctx.draft.set(path, value);
	ctx.changed();
}

/** A text of a control becomes the value at a path; an empty secret stays what is stored. */
function take(ctx, path, text, { dataType, secret }) {
	try {
		let value = fromText(text, dataType, ctx.base.get(path));
		if (secret && value === undefined) value = ctx.base.get(path);
		setError(ctx, path, '');
		assign(ctx, path, value);
	} catch (e) {
		setError(ctx, path, dataType === 'number' ? e.message : T.notJsonValue);
		ctx.changed();
	}
}

/**
 * A field for the value at a path. Options: label, hint, required, dataType, secret, example,
 * options (for a select), after.
 */
export function valueField(ctx, path, options) {
	const { dataType, secret, example } = options;
	const stored = ctx.base.get(path) === KEPT;
	const text = toText(ctx.draft.get(path));
	const properties = {
		disabled: ctx.readOnly,
		placeholder: stored ? T.keptUnlessRetyped : example ? T.example(example) : null,
		'data-path': path,
	};
	const set = (t) => take(ctx, path, t, options);
	let control;
	if (options.options) control = select(options.options, text, set, properties);
	else if (dataType === 'boolean' && (text === '' || text === 'true' || text === 'false')) {
		control = select(
			[
				['', T.notSet],
				['true', T.yes],
				['false', T.no],
			],
			text,
			set,
			properties,
		);
	} else if (LONG.test(path.split('.').at(-1)) || text.includes('\n'))
		control = textArea(text, set, { ...properties, class: secret ? 'masked' : null });
	else
		control = input(text, set, {
			...properties,
			type: secret ? 'password' : 'text',
			inputmode: dataType === 'number' ? 'numeric' : null,
			autocomplete: secret ? 'new-password' : 'off',
		});
	const box = field(options.label, control, {
		...options,
		mark: secret ? badge(T.secret) : null,
		after: [secret && stored && revealer(ctx, path), options.after],
	});
	ctx.fields.set(path, box);
	if (ctx.errors.has(path)) box.setError(ctx.errors.get(path));
	return box;
}

function textArea(text, onInput, properties) {
	const lines = Math.min(12, Math.max(3, text.split('\n').length));
	return h('textarea', {
		rows: lines,
		spellcheck: 'false',
		autocomplete: 'off',
		...properties,
		value: text,
		on: { input: (e) => onInput(e.target.value) },
	});
}

/** Shows a stored secret until it is hidden again. */
function revealer(ctx, path) {
	if (!ctx.reveal) return null;
	const place = h('span', { class: 'reveal' });
	const hide = () => fill(place, button(T.reveal, show, 'quiet', { 'data-reveal': path }));
	const show = async () => {
		try {
			const map = await ctx.reveal();
			fill(
				place,
				h('output', { class: 'revealed' }, toText(map.get(path)) || T.emptyText),
				button(T.hide, () => hide(), 'quiet'),
			);
			place.querySelector('button').focus();
		} catch (e) {
			toast(explain(e), 'bad');
		}
	};
	hide();
	return place;
}

// ---- the forms of the kinds ----

/** The fields of the kind; drawn anew when the shape of the form changes. */
export function valueForm(ctx) {
	const box = h('div', { class: 'form' });
	const draw = () => {
		ctx.fields.clear();
		const make =
			{ CONNECTION: connectionForm, METRICS_EXPORT: metricsForm }[ctx.type] ?? variableForm;
		fill(box, make(ctx, draw), descriptionField(ctx));
	};
	draw();
	return box;
}

function descriptionField(ctx) {
	return valueField(ctx, 'description', { label: T.description, hint: T.descriptionHint });
}

function variableForm(ctx, draw) {
	const secret = ctx.draft.has('isSecret');
	return [
		valueField(ctx, 'v.value', {
			label: T.value,
			secret,
			hint: secret && ctx.base.size ? T.secretHint : null,
			after: null,
		}),
		ctx.isNew
			? checkbox(
					T.isSecret,
					secret,
					(on) => {
						assign(ctx, 'isSecret', on || undefined);
						draw();
					},
					T.isSecretHint,
				)
			: null,
	];
}

// ---- connections ----

const paramsOf = (auth) => auth?.parameters ?? [];

const authTypeOf = (ctx, map = ctx.draft) =>
	ctx.authTypes.find((a) => a.id === map.get('authTypeId'));

/** Whether a field holds a secret: the password, and what the auth type does not call plain. */
export function isSecretField(ctx, name, map = ctx.draft) {
	if (isVariable(ctx.type)) return map.has('isSecret');
	if (name === 'password' || name === 'basicToken') return true;
	if (ctx.type !== 'CONNECTION' || !name.startsWith('extra.')) return false;
	const known = paramsOf(authTypeOf(ctx, map)).find(
		(p) => p.isInExtra && `extra.${p.airflowParamName}` === name,
	);
	return known ? known.isSecret : true;
}

export function labelOf(ctx, name) {
	const known = paramsOf(authTypeOf(ctx)).find(
		(p) => (p.isInExtra ? `extra.${p.airflowParamName}` : p.airflowParamName) === name,
	);
	return known?.friendlyName ?? T.fields[name] ?? memberOf(ctx.type, name)?.[1] ?? name;
}

export function dataTypeOf(ctx, name) {
	if (name === 'port') return 'number';
	return paramsOf(authTypeOf(ctx)).find((p) => `extra.${p.airflowParamName}` === name)?.dataType;
}

function connectionForm(ctx, draw) {
	const auth = authTypeOf(ctx);
	return [
		serviceFields(ctx, draw),
		auth?.providerPackageName && auth.airflowType !== 'generic' ? providerNote(auth) : null,
		h('fieldset', { class: 'grid' }, h('legend', {}, T.connectionFields), knownFields(ctx, auth)),
		extraEditor(ctx, draw, auth),
	];
}

function providerNote(auth) {
	return h('p', { class: 'note plain' }, T.provider, ' ', h('code', {}, auth.providerPackageName));
}

const GENERIC = 'generic';

function serviceFields(ctx, draw) {
	const types = [...new Set(ctx.authTypes.map((a) => a.airflowType))]
		.filter((t) => t !== GENERIC)
		.sort();
	const type = ctx.draft.get('v.type') ?? '';
	const isKnown = types.includes(type);
	const choose = (to) => {
		const fits = ctx.authTypes.find((a) => a.airflowType === to);
		if (to === '') assign(ctx, 'v.type', isKnown ? undefined : type || undefined);
		else assign(ctx, 'v.type', to);
		assign(ctx, 'authTypeId', fits?.id);
		draw();
		document.querySelector('[data-service]')?.focus();
	};
	const service = select(
		[...types.map((t) => [t, T.services[t] ?? t]), ['', T.otherService]],
		isKnown ? type : '',
		choose,
		{ disabled: ctx.readOnly, 'data-service': '' },
	);
	const methods = ctx.authTypes.filter((a) => a.airflowType === type);
	return [
		field(T.service, service, { hint: T.serviceHint }),
		isKnown
			? null
			: valueField(ctx, 'v.type', {
					label: T.connectionType,
					required: true,
					hint: T.connectionTypeHint,
					dataType: 'string',
				}),
		methods.length > 1 || (isKnown && ctx.draft.get('authTypeId') === undefined)
			? methodField(ctx, draw, methods)
			: null,
	];
}

function methodField(ctx, draw, methods) {
	const options = methods.map((a) => [a.id, a.authMethodName]);
	const id = ctx.draft.get('authTypeId');
	if (!methods.some((a) => a.id === id)) options.push([id ?? '', T.noAuthMethod]);
	return field(
		T.authMethod,
		select(
			options,
			id ?? '',
			(to) => {
				assign(ctx, 'authTypeId', to || undefined);
				draw();
			},
			{ disabled: ctx.readOnly },
		),
		{ hint: methods.find((a) => a.id === id)?.description },
	);
}

function knownFields(ctx, auth) {
	const params = paramsOf(auth);
	const inForm = new Set(
		params.map((p) => (p.isInExtra ? `extra.${p.airflowParamName}` : p.airflowParamName)),
	);
	const standard = FIELDS.CONNECTION.slice(1);
	const rest = standard.filter((f) => !inForm.has(f) && (!auth || ctx.draft.has(`v.${f}`)));
	return [
		params.map((p) => {
			const name = p.isInExtra ? `extra.${p.airflowParamName}` : p.airflowParamName;
			return valueField(ctx, `v.${name}`, {
				label: p.friendlyName,
				hint: p.description,
				required: p.isRequired,
				dataType: p.dataType,
				secret: p.isSecret,
				example: p.example,
			});
		}),
		rest.map((f) =>
			valueField(ctx, `v.${f}`, {
				label: T.fields[f],
				dataType: f === 'port' ? 'number' : 'string',
				secret: f === 'password',
			}),
		),
	];
}

// ---- extra: its other members one by one, or the whole as JSON ----

const membersOf = (map) => [...map.keys()].filter((p) => p.startsWith('v.extra.'));

function extraEditor(ctx, draw, auth) {
	const known = new Set(
		paramsOf(auth)
			.filter((p) => p.isInExtra)
			.map((p) => `v.extra.${p.airflowParamName}`),
	);
	const others = membersOf(ctx.draft).filter((p) => !known.has(p));
	const toggle = button(
		ctx.asJson ? T.asForm : T.asJson,
		() => {
			ctx.asJson = !ctx.asJson;
			setError(ctx, 'extra', '');
			draw();
			document.querySelector('[data-toggle-json]')?.focus();
		},
		'quiet',
		{ 'data-toggle-json': '' },
	);
	const canClear =
		!ctx.readOnly && membersOf(ctx.base).length > 0 && membersOf(ctx.draft).length > 0;
	const clear = () => {
		for (const p of membersOf(ctx.draft)) ctx.draft.delete(p);
		ctx.changed();
		draw();
	};
	return h(
		'fieldset',
		{ class: 'extra' },
		h('legend', {}, T.extra),
		h('p', { class: 'hint' }, T.extraHint),
		h('p', {}, toggle, canClear ? button(T.clearExtra, clear, 'quiet') : null),
		ctx.asJson
			? jsonField(ctx)
			: h(
					'div',
					{ class: 'grid' },
					others.map((p) => memberField(ctx, p, draw)),
				),
		ctx.asJson || ctx.readOnly ? null : addMember(ctx, draw),
	);
}

function memberField(ctx, path, draw) {
	const remove =
		ctx.base.has(path) || ctx.readOnly
			? null
			: button(
					T.remove,
					() => {
						assign(ctx, path, undefined);
						draw();
					},
					'quiet',
					{ 'aria-label': T.removeMember(path.slice('v.extra.'.length)) },
				);
	return valueField(ctx, path, {
		label: path.slice('v.extra.'.length),
		secret: isSecretField(ctx, path.slice(2)),
		after: remove,
	});
}

function addMember(ctx, draw) {
	const name = input('', () => {}, { id: 'new-member' });
	const box = field(T.newMember, name, { after: button(T.add, add), hint: T.newMemberHint });
	function add() {
		const path = `v.extra.${name.value.trim()}`;
		if (!name.value.trim() || ctx.draft.has(path))
			return box.setError(name.value.trim() ? T.memberExists : T.nameMissing);
		assign(ctx, path, '');
		draw();
		ctx.fields.get(path)?.control.focus();
	}
	name.addEventListener('keydown', (e) => {
		if (e.key !== 'Enter') return;
		e.preventDefault();
		add();
	});
	return box;
}

function extraText(map) {
	const extra = {};
	for (const p of membersOf(map))
		extra[p.slice('v.extra.'.length)] = map.get(p) === KEPT ? '' : map.get(p);
	return JSON.stringify(extra, null, 2);
}

/** What a JSON text says of extra, put into the draft. Throws an Error with the reason. */
function takeJson(ctx, text) {
	let extra;
	try {
		extra = parseJson(text.trim() === '' ? '{}' : text);
	} catch {
		throw new Error(T.jsonError(jsonErrorAt(text)));
	}
	if (extra === null || typeof extra !== 'object' || Array.isArray(extra))
		throw new Error(T.notObject);
	const names = new Set(Object.keys(extra).map((n) => `v.extra.${n}`));
	const gone = membersOf(ctx.base).filter((p) => !names.has(p));
	if (gone.length && names.size)
		throw new Error(T.cannotDrop(gone.map((p) => p.slice('v.extra.'.length)).join(', ')));
	for (const p of membersOf(ctx.draft)) ctx.draft.delete(p);
	for (const [name, value] of Object.entries(extra)) {
		const path = `v.extra.${name}`;
		ctx.draft.set(path, value === '' && ctx.base.get(path) === KEPT ? KEPT : value);
	}
}

function jsonField(ctx) {
	const text = extraText(ctx.draft);
	const area = textArea(
		text,
		(t) => {
			try {
				takeJson(ctx, t);
				setError(ctx, 'extra', '');
			} catch (e) {
				setError(ctx, 'extra', e.message);
			}
			ctx.changed();
		},
		{ class: 'code', disabled: ctx.readOnly, 'data-path': 'extra' },
	);
	const box = field(T.extraJson, area, { hint: T.extraJsonHint });
	ctx.fields.set('extra', box);
	return box;
}

// ---- metrics exports ----

function metricsForm(ctx, draw) {
	const auth = ctx.draft.get('v.authType') ?? '';
	const shown =
		{
			BASIC: ['username', 'password'],
			AUTH_TOKEN: ['basicToken'],
			SIGV4: ['sigV4AssumeArn', 'sigV4StsRegion'],
		}[auth] ?? [];
	const authField = field(
		T.fields.authType,
		select(
			[['', T.none], ...Object.entries(T.metricsAuth)],
			auth,
			(to) => {
				assign(ctx, 'v.authType', to || undefined);
				draw();
			},
			{ disabled: ctx.readOnly },
		),
	);
	return [
		valueField(ctx, 'v.endpoint', {
			label: T.fields.endpoint,
			required: true,
			hint: T.endpointHint,
			example: 'https://prometheus.example.com/api/v1/write',
		}),
		valueField(ctx, 'v.exporterType', {
			label: T.fields.exporterType,
			options: [['PROMETHEUS', 'Prometheus']],
		}),
		authField,
		shown.map((f) =>
			valueField(ctx, `v.${f}`, { label: T.fields[f], secret: isSecretField(ctx, f) }),
		),
		mapField(ctx, 'headers'),
		mapField(ctx, 'labels'),
	];
}

/** headers and labels: "name: value" a line. */
function mapField(ctx, name) {
	const prefix = `v.${name}.`;
	const lines = [...ctx.draft]
		.filter(([p]) => p.startsWith(prefix))
		.map(([p, v]) => `${p.slice(prefix.length)}: ${v}`);
	const set = (text) => {
		const entries = text
			.split('\n')
			.map((l) => l.trim())
			.filter(Boolean)
			.map((l) => /^([^:]+):\s*(.*)$/.exec(l));
		if (entries.includes(null)) return setError(ctx, name, T.badLine);
		for (const p of [...ctx.draft.keys()]) if (p.startsWith(prefix)) ctx.draft.delete(p);
		for (const [, key, value] of entries) ctx.draft.set(prefix + key.trim(), value);
		setError(ctx, name, '');
		ctx.changed();
	};
	const box = field(
		T.fields[name],
		textArea(lines.join('\n'), set, { class: 'code', disabled: ctx.readOnly }),
		{ hint: T.lineHint },
	);
	ctx.fields.set(name, box);
	return box;
}
