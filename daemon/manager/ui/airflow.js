// SPDX-License-Identifier: Apache-2.0
// The JSON files of `airflow connections export` and `airflow variables export`. Pure but for
// parseJson().

import { parseJson } from './api.js';
import { jsonErrorAt } from './model.js';
import { T } from './texts.js';

const CONNECTION_KEY = /^[-A-Za-z0-9_#!().:/\\]{1,250}$/;
const TEXTS = ['host', 'login', 'password', 'schema'];

// Airflow's own list of words that make a name sensitive.
const SENSITIVE =
	/access_token|api_?key|apikey|authorization|passphrase|passwd|password|private_key|proxy|secret|token|keyfile_dict|service_account/i;
export const isSecretName = (key) => SENSITIVE.test(key);

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);

function fromUri(text) {
	const uri = new URL(
		text.replace(/^([a-z0-9_]+):/i, (_all, scheme) => `${scheme.replaceAll('_', '-')}:`),
	);
	const part = (t) => (t ? decodeURIComponent(t) : undefined);
	const extra = Object.fromEntries(uri.searchParams);
	return {
		conn_type: uri.protocol.slice(0, -1).replaceAll('-', '_'),
		host: part(uri.hostname),
		login: part(uri.username),
		password: part(uri.password),
		schema: part(uri.pathname.slice(1)),
		port: uri.port ? Number(uri.port) : undefined,
		extra: typeof extra.__extra__ === 'string' ? extra.__extra__ : extra,
	};
}

function extraOf(extra) {
	const value = typeof extra === 'string' && extra.trim() ? parseJson(extra) : extra;
	if (!value) return undefined;
	if (!isObject(value)) throw new Error(T.extraNotObject);
	return Object.keys(value).length ? value : undefined;
}

function connection(key, value) {
	const entry = { key, type: 'CONNECTION', typed: {} };
	try {
		const c = typeof value === 'string' ? fromUri(value) : value;
		if (!isObject(c) || !c.conn_type) throw new Error(T.noConnType);
		if (!CONNECTION_KEY.test(key)) throw new Error(T.badConnectionId);
		entry.description = c.description || undefined;
		entry.typed.type = String(c.conn_type);
		for (const name of TEXTS) if (c[name]) entry.typed[name] = String(c[name]);
		if (c.port) entry.typed.port = Number(c.port);
		entry.typed.extra = extraOf(c.extra);
		if (!entry.typed.extra) delete entry.typed.extra;
	} catch (e) {
		entry.problem =
			e instanceof SyntaxError ? T.extraNotJson : e instanceof TypeError ? T.notUri : e.message;
	}
	return entry;
}

/** A value that is no string is stored as its JSON, as Airflow's own import does. */
function variable(key, value) {
	const isDescribed =
		isObject(value) &&
		'value' in value &&
		Object.keys(value).every((k) => k === 'value' || k === 'description');
	const content = isDescribed ? value.value : value;
	return {
		key,
		type: 'AIRFLOW_VARIABLE',
		typed: { value: typeof content === 'string' ? content : JSON.stringify(content) },
		description: (isDescribed && value.description) || undefined,
	};
}

/** The entries of a file: {key, type, typed, description, problem}. Throws an Error for a person. */
export function readAirflow(text) {
	let file;
	try {
		file = parseJson(text);
	} catch {
		throw new Error(T.jsonError(jsonErrorAt(text)));
	}
	if (!isObject(file) || !Object.keys(file).length) throw new Error(T.notAirflowFile);
	const entries = Object.entries(file);
	const isConnection = (v) =>
		(isObject(v) && 'conn_type' in v) || (typeof v === 'string' && /^[a-z0-9_-]+:\/\//i.test(v));
	const make = entries.every(([, v]) => isConnection(v)) ? connection : variable;
	return entries.map(([key, value]) => make(key, value));
}

export function writeAirflow(type, rows) {
	const file = {};
	for (const r of rows) {
		if (type === 'CONNECTION' && r.connection) {
			const { type: conn_type, host, login, password, schema, port, extra } = r.connection;
			file[r.objectKey] = {
				conn_type,
				description: r.description,
				host,
				login,
				password,
				schema,
				port,
				extra: extra && JSON.stringify(extra),
			};
		} else if (r.airflowVariable)
			file[r.objectKey] = r.description
				? { value: r.airflowVariable.value, description: r.description }
				: r.airflowVariable.value;
	}
	return `${JSON.stringify(file, null, 2)}\n`;
}
