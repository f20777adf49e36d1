// SPDX-License-Identifier: Apache-2.0
// An environment object as a flat map from path to value, and back to what the API takes. Pure.
//
// Paths: description, auto, autop, v.FIELD, v.extra.NAME (headers and labels likewise), link.PLACE,
// excl.PLACE, o.PLACE.FIELD, o.PLACE.extra.NAME. A place is the id of a Deployment or project.
// Comparing, showing and rebasing changes is then comparing two maps.

import { T } from './texts.js';

const KINDS = [
	['connections', 'CONNECTION', 'connection', 'connectionOverrides'],
	['airflow-variables', 'AIRFLOW_VARIABLE', 'airflowVariable', 'airflowVariableOverrides'],
	[
		'environment-variables',
		'ENVIRONMENT_VARIABLE',
		'environmentVariable',
		'environmentVariableOverrides',
	],
	['metrics-exports', 'METRICS_EXPORT', 'metricsExport', 'metricsExportOverrides'],
].map(([slug, type, member, overrides]) => ({ slug, type, member, overrides, ...T.kinds[type] }));

export const kinds = KINDS;
export const kindOf = (slug) => KINDS.find((k) => k.slug === slug);
export const kindOfType = (type) => KINDS.find((k) => k.type === type);

/** A secret that is stored and not shown. */
export const KEPT = Object.freeze({ kept: true });

const MAPS = { CONNECTION: ['extra'], METRICS_EXPORT: ['headers', 'labels'] };
const SECRETS = { CONNECTION: ['password'], METRICS_EXPORT: ['basicToken', 'password'] };
export const FIELDS = {
	CONNECTION: ['type', 'host', 'port', 'login', 'password', 'schema'],
	AIRFLOW_VARIABLE: ['value'],
	ENVIRONMENT_VARIABLE: ['value'],
	METRICS_EXPORT: [
		'endpoint',
		'exporterType',
		'authType',
		'username',
		'password',
		'basicToken',
		'sigV4AssumeArn',
		'sigV4StsRegion',
	],
};
const mapsOf = (type) => MAPS[type] ?? [];
export const isVariable = (type) => type === 'AIRFLOW_VARIABLE' || type === 'ENVIRONMENT_VARIABLE';

/** The name of a map's member in a field's name: "extra.a.b" -> ["extra", "a.b"]; else null. */
export function memberOf(type, name) {
	const dot = name.indexOf('.');
	return dot > 0 && mapsOf(type).includes(name.slice(0, dot))
		? [name.slice(0, dot), name.slice(dot + 1)]
		: null;
}

// ---- reading ----

function putTyped(map, prefix, type, typed, setFields, isSecret) {
	const set = new Set(setFields);
	for (const name of FIELDS[type]) {
		const value = typed[name];
		const secret = (SECRETS[type] ?? []).includes(name) || (isSecret && name === 'value');
		if (secret && set.has(name)) map.set(prefix + name, KEPT);
		else if (value !== undefined && value !== null && !(secret && value === ''))
			map.set(prefix + name, value);
	}
	for (const mapName of mapsOf(type)) {
		for (const [name, value] of Object.entries(typed[mapName] ?? {})) {
			const hidden = value === '' && set.has(`${mapName}.${name}`);
			map.set(`${prefix}${mapName}.${name}`, hidden ? KEPT : value);
		}
	}
}

/** The flat map of an object as the API shows it, without secrets. */
export function flatten(object) {
	const kind = kindOfType(object.objectType);
	const map = new Map();
	const typed = object[kind.member];
	if (object.description) map.set('description', object.description);
	if (typed) putTyped(map, 'v.', kind.type, typed, object.setFields, typed.isSecret);
	if (typed?.isSecret) map.set('isSecret', true);
	const auth = typed?.connectionAuthType?.id ?? typed?.authTypeId;
	if (auth) map.set('authTypeId', auth);
	if (object.autoLinkDeployments) map.set('auto', true);
	if (object.autoLinkProjects) map.set('autop', true);
	for (const x of object.excludeLinks ?? []) map.set(`excl.${x.scopeEntityId}`, true);
	for (const l of [...(object.links ?? []), ...(object.projectLinks ?? [])]) {
		map.set(`link.${l.scopeEntityId}`, true);
		if (l[kind.overrides]) {
			putTyped(
				map,
				`o.${l.scopeEntityId}.`,
				kind.type,
				l[kind.overrides],
				l.setFields,
				typed?.isSecret,
			);
		}
	}
	return map;
}

// ---- comparing ----

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** The paths whose values differ, sorted. */
export function changes(before, after) {
	const paths = new Set([...before.keys(), ...after.keys()]);
	return [...paths].filter((p) => !same(before.get(p), after.get(p))).sort();
}

/** What was changed from `before` to `mine`, applied to `theirs`. */
export function rebase(before, mine, theirs) {
	const result = new Map(theirs);
	for (const path of changes(before, mine)) {
		if (mine.has(path)) result.set(path, mine.get(path));
		else result.delete(path);
	}
	return result;
}

/** The names of the fields that are overridden at a place. */
export function overriddenAt(map, place) {
	const prefix = `o.${place}.`;
	return [...map.keys()].filter((p) => p.startsWith(prefix)).map((p) => p.slice(prefix.length));
}

/** How an object reaches a Deployment or project: linked, auto, excluded or none. */
export function reach(map, place, isProject) {
	if (map.has(`link.${place}`)) return 'linked';
	if (!map.has(isProject ? 'autop' : 'auto')) return 'none';
	return map.has(`excl.${place}`) ? 'excluded' : 'auto';
}

/** Links or unlinks a place, whichever way that takes. Its overrides go with its link. */
export function setReach(map, place, isProject, on) {
	map.delete(`excl.${place}`);
	if (on) {
		if (!map.has(isProject ? 'autop' : 'auto')) map.set(`link.${place}`, true);
		return;
	}
	map.delete(`link.${place}`);
	for (const name of overriddenAt(map, place)) map.delete(`o.${place}.${name}`);
	if (map.has('auto') && !isProject) map.set(`excl.${place}`, true);
}

// ---- writing ----

function put(typed, type, name, value) {
	const member = memberOf(type, name);
	if (!member) typed[name] = value;
	else {
		typed[member[0]] ??= {};
		typed[member[0]][member[1]] = value;
	}
}

function typedBody(before, now, type) {
	const typed = {};
	for (const [path, value] of now) {
		if (!path.startsWith('v.')) continue;
		const name = path.slice(2);
		const inExtra = type === 'CONNECTION' && memberOf(type, name);
		// Absent secrets and members of extra keep what is stored.
		if (value === KEPT || (inExtra && same(before.get(path), value))) continue;
		put(typed, type, name, value);
	}
	const had = (name) => [...before.keys()].some((p) => p.startsWith(`v.${name}.`));
	const has = (name) => [...now.keys()].some((p) => p.startsWith(`v.${name}.`));
	for (const name of mapsOf(type)) if (had(name) && !has(name)) typed[name] = {};
	if (type === 'CONNECTION' && now.get('authTypeId')) typed.authTypeId = now.get('authTypeId');
	if (type === 'METRICS_EXPORT') {
		// An update is a patch: what was removed is sent as "".
		for (const path of before.keys()) {
			const name = path.slice(2);
			if (path.startsWith('v.') && !now.has(path) && FIELDS[type].includes(name)) typed[name] = '';
		}
	}
	if (isVariable(type)) {
		typed.value ??= '';
		if (now.has('isSecret')) typed.isSecret = true;
	}
	return typed;
}

/** What the link of a place says of its overrides; undefined when there never were any. */
function overridesOf(before, now, place, kind) {
	const typed = {};
	const names = overriddenAt(now, place);
	for (const name of names) {
		const value = now.get(`o.${place}.${name}`);
		put(typed, kind.type, name, value === KEPT ? '' : value);
	}
	const unset = overriddenAt(before, place).filter((name) => !now.has(`o.${place}.${name}`));
	const result = {};
	if (names.length) result[kind.member] = typed;
	if (unset.length) result.unsetFields = unset;
	return names.length || unset.length ? result : undefined;
}

function linksOf(before, now, scope, ids, kind) {
	return ids
		.filter((id) => now.has(`link.${id}`))
		.map((id) => ({ scope, scopeEntityId: id, overrides: overridesOf(before, now, id, kind) }));
}

const placesIn = (map, prefix) =>
	[...map.keys()].filter((p) => p.startsWith(prefix)).map((p) => p.slice(prefix.length));

/**
 * The body of a create (before is an empty map) or update. projects: the ids that are projects';
 * atWorkspace: whether links may be there at all.
 */
export function toBody(before, now, type, { atWorkspace, projects = new Set() }) {
	const kind = kindOfType(type);
	const body = { [kind.member]: typedBody(before, now, type) };
	if (before.get('description') !== now.get('description'))
		body.description = now.get('description') ?? '';
	if (!atWorkspace) return body;
	const linked = placesIn(now, 'link.');
	body.autoLinkDeployments = now.has('auto');
	body.links = linksOf(
		before,
		now,
		'DEPLOYMENT',
		linked.filter((id) => !projects.has(id)),
		kind,
	);
	body.excludeLinks = placesIn(now, 'excl.').map((id) => ({
		scope: 'DEPLOYMENT',
		scopeEntityId: id,
	}));
	body.autoLinkProjects = now.has('autop');
	body.projectLinks = linksOf(
		before,
		now,
		'PROJECT',
		linked.filter((id) => projects.has(id)),
		kind,
	);
	return body;
}

// ---- values as texts ----

/** dataType: of the auth type's parameter, or undefined. */
export function toText(value) {
	if (value === undefined || value === KEPT) return '';
	return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A text in a form as a value; undefined: not set. Throws an Error whose message is for a person. */
export function fromText(text, dataType, former) {
	if (text === '') return undefined;
	if (dataType === 'number') {
		const n = Number(text);
		if (!Number.isFinite(n)) throw new Error(T.notNumber);
		return n;
	}
	if (dataType === 'boolean') return text === 'true';
	if (
		dataType === 'string' ||
		former === undefined ||
		former === KEPT ||
		typeof former === 'string'
	)
		return text;
	return JSON.parse(text);
}

/** How a value is shown in a table or in a comparison. */
export function shown(value, isSecret) {
	if (value === undefined) return T.notSet;
	if (value === KEPT) return T.kept;
	if (isSecret) return T.newSecret;
	if (value === true) return T.yes;
	return typeof value === 'string' ? value || T.emptyText : JSON.stringify(value);
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
	/-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false|null|"([^"\\\p{Cc}]|\\(["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;

/** Reads one JSON value from text at i; returns the index behind it, or throws that of the error. */
function jsonEnd(text, i) {
	const take = (pattern) => {
		pattern.lastIndex = i;
		const found = pattern.exec(text);
		if (found) i = pattern.lastIndex;
		return found?.[0];
	};
	const expect = (...characters) => {
		take(SPACE);
		if (!characters.includes(text[i])) throw i;
		return text[i++];
	};
	const each = (end, item) => {
		i++;
		take(SPACE);
		if (text[i] === end) return i + 1;
		do item();
		while (expect(',', end) === ',');
		return i;
	};
	const value = () => {
		i = jsonEnd(text, i);
	};
	const member = () => {
		take(SPACE);
		if (text[i] !== '"' || !take(SCALAR)) throw i;
		expect(':');
		value();
	};
	take(SPACE);
	if (text[i] === '{') return each('}', member);
	if (text[i] === '[') return each(']', value);
	if (!take(SCALAR)) throw i;
	return i;
}

/** Where a text stops being JSON: "line 3, column 7". Browsers do not all say. */
export function jsonErrorAt(text) {
	let at;
	try {
		at = jsonEnd(text, 0);
		at += /^\s*/.exec(text.slice(at))[0].length;
	} catch (e) {
		if (typeof e !== 'number') throw e;
		at = e;
	}
	const before = text.slice(0, at).split('\n');
	return T.lineColumn(before.length, before.at(-1).length + 1);
}
