// SPDX-License-Identifier: Apache-2.0
// The manager's HTTP API and the page's session. No other file calls fetch().

import { T } from './texts.js';

// The page is at PREFIX/ui/, the API at PREFIX/v1/.
const base = new URL('../', document.baseURI);

/** A refusal: `status` 0 when there was no response at all. */
class ApiError extends Error {
	constructor(status, message, fieldErrors = [], requestId = '', retryAfter = 0) {
		super(message);
		this.status = status;
		this.retryAfter = retryAfter; // seconds
		this.fieldErrors = fieldErrors;
		this.requestId = requestId;
	}
}

/** Who is signed in, as GET /ui/session responds; null before that. */
export let session = null;

// Shows the sign-in and resolves when somebody has signed in. main.js sets it.
let signInAgain = () => Promise.reject(new ApiError(401, T.sessionEnded));
export function onSessionEnd(handler) {
	signInAgain = handler;
}

// Integers that a double cannot hold are kept digit for digit, where the browser can do it.
const exact = typeof JSON.rawJSON === 'function';
export function parseJson(text) {
	if (!exact) return JSON.parse(text);
	return JSON.parse(text, (_key, value, context) =>
		typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
			? JSON.rawJSON(context.source)
			: value,
	);
}

async function request(method, url, { body, headers = {}, signal } = {}) {
	const init = {
		method,
		signal,
		cache: 'no-store',
		credentials: 'same-origin',
		headers: { 'X-Connd-UI': '1', ...headers },
	};
	if (body !== undefined) {
		init.body = JSON.stringify(body);
		init.headers['Content-Type'] = 'application/json';
	}
	let response;
	let text;
	try {
		response = await fetch(url, init);
		text = await response.text();
	} catch (e) {
		if (e.name === 'AbortError') throw e;
		throw new ApiError(0, T.unreachable);
	}
	const result = { status: response.status, etag: response.headers.get('ETag'), data: null };
	if (response.status === 304) return result;
	try {
		result.data = text ? parseJson(text) : null;
	} catch {
		if (response.ok) throw new ApiError(response.status, T.notJson);
	}
	if (response.ok) {
		result.waits = response.headers.has('Preference-Applied');
		return result;
	}
	const why = result.data ?? {};
	throw new ApiError(
		response.status,
		// The page reads that header itself.
		why.message?.replace(/: see Retry-After$/, '.') ?? T.failedWithStatus(response.status),
		why.fieldErrors ?? [],
		why.requestId,
		Number(response.headers.get('Retry-After')) || 0,
	);
}

// ---- while the manager is away ----

// Says in words that nothing can be read now; null: it can again. main.js sets it.
let showTrouble = () => {};
export function onTrouble(handler) {
	showTrouble = handler;
}
export const trouble = (e) => showTrouble(e);

/** Whether the manager, or its database, is away: the same request may succeed later. */
export const isAway = (e) => e.status === 0 || e.status === 503;

const AWAY_S = { least: 1, most: 15 };

/** A pause as the manager asks for it, and a little more, so that not all come back at once. */
function pause(e) {
	const seconds = Math.min(Math.max(e.retryAfter, AWAY_S.least), AWAY_S.most);
	return new Promise((done) => setTimeout(done, seconds * 1000 * (1 + Math.random() / 2)));
}

/** A read, again and again while the manager is away and the same view is shown. */
async function read(url, init) {
	const { hash } = location;
	for (;;) {
		try {
			const reply = await request('GET', url, init);
			showTrouble(null);
			return reply;
		} catch (e) {
			if (!isAway(e) || location.hash !== hash) throw e;
			showTrouble(e);
			await pause(e);
			if (location.hash !== hash || init?.signal?.aborted) throw e;
		}
	}
}

// ---- the session ----

const sessionUrl = new URL('ui/session', base);

export async function signIn(credential) {
	session = (await request('POST', sessionUrl, { body: credential })).data;
	return session;
}

/** Resolves to the session, or to null when there is none. */
export async function currentSession() {
	try {
		session = (await read(sessionUrl)).data;
	} catch (e) {
		if (e.status !== 401) throw e;
		session = null;
	}
	return session;
}

export async function signOut() {
	await request('DELETE', sessionUrl);
	session = null;
}

const ROLES = ['MEMBER', 'AUTHOR', 'OPERATOR', 'OWNER'];
const isAtLeast = (role) => ROLES.indexOf(session.role) >= ROLES.indexOf(role);

/** What the token's role and scope allow; the server decides again on each request. */
export const may = {
	write: () => isAtLeast('OPERATOR'),
	writeWorkspace: () => isAtLeast('OPERATOR') && session.scope !== 'DEPLOYMENT',
	managePlaces: () => isAtLeast('OPERATOR') && session.scope !== 'DEPLOYMENT',
	manageWorkspaces: () => isAtLeast('OWNER') && session.scope === 'ORGANIZATION',
	tokens: () => isAtLeast('OWNER'),
	settings: () => isAtLeast('OWNER') && session.scope === 'ORGANIZATION',
	seeWorkspace: () => session.scope !== 'DEPLOYMENT',
};

// ---- requests of the API ----

function apiUrl(path, query = {}) {
	const url = new URL(`v1/organizations/${session.organizationId}${path}`, base);
	for (const [name, value] of Object.entries(query)) {
		for (const one of [].concat(value ?? [])) url.searchParams.append(name, one);
	}
	return url;
}

/**
 * One request below /v1/organizations/ID. Options: query, body, etag (If-Match of a write,
 * If-None-Match of a read), wait (seconds), signal. When the session has ended, a person signs in
 * again and the request is repeated; a held request is not.
 */
export async function call(method, path, options = {}) {
	const headers = {};
	if (options.etag) headers[method === 'GET' ? 'If-None-Match' : 'If-Match'] = options.etag;
	if (options.wait) headers.Prefer = `wait=${options.wait}`;
	const init = { body: options.body, headers, signal: options.signal };
	// A held request is repeated by who holds it; a change only by a person.
	const isRead = method === 'GET' && !options.wait;
	const send = () => {
		const url = apiUrl(path, options.query);
		return isRead ? read(url, init) : request(method, url, init);
	};
	try {
		return await send();
	} catch (e) {
		if (options.wait && isAway(e)) showTrouble(e);
		if (e.status !== 401 || options.wait) throw e;
		await signInAgain();
		return send();
	}
}

const OBJECTS = '/environment-objects';
const one = async (promise) => (await promise).data;

/** All rows of a list, in pages of 1000; `member` is the name of its array. */
export async function all(path, member, query = {}) {
	const rows = [];
	for (;;) {
		const page = await one(
			call('GET', path, { query: { ...query, limit: 1000, offset: rows.length } }),
		);
		rows.push(...page[member]);
		if (page[member].length === 0 || rows.length >= page.totalCount) return rows;
	}
}

export const objects = {
	list: (query, options = {}) => call('GET', OBJECTS, { ...options, query }),
	all: (query) => all(OBJECTS, 'environmentObjects', query),
	get: (id, options) => call('GET', `${OBJECTS}/${id}`, options),
	create: (body) => one(call('POST', OBJECTS, { body })),
	update: (id, body, etag) => call('POST', `${OBJECTS}/${id}`, { body, etag }),
	remove: (id, etag) => call('DELETE', `${OBJECTS}/${id}`, { etag }),
	promote: (id, etag) => call('POST', `${OBJECTS}/${id}/promote`, { etag }),
	history: (id, query) => one(call('GET', `${OBJECTS}/${id}/history`, { query })),
	version: (id, version, against) =>
		one(call('GET', `${OBJECTS}/${id}/history/${version}`, { query: { against } })),
	restore: (id, version, etag) =>
		call('POST', `${OBJECTS}/${id}/restore`, { body: { version }, etag }),
};

export const audit = {
	list: (query) => one(call('GET', '/audit-log', { query })),
	restore: (subjectId, version) =>
		one(call('POST', '/audit-log/restore', { body: { subjectId, version } })),
};

export const tokens = {
	list: (query) => all('/tokens', 'tokens', query),
	create: (body) => one(call('POST', '/tokens', { body })),
	revoke: (id) => call('DELETE', `/tokens/${id}`),
};

export const sidecars = {
	list: (query) => one(call('GET', '/sidecars', { query })),
};

export const organization = {
	get: () => one(call('GET', '')),
	update: (body) => one(call('POST', '', { body })),
};

/** workspaces, deployments or projects */
export function places(kind) {
	return {
		all: (query) => all(`/${kind}`, kind, { sorts: 'name:asc', ...query }),
		create: (body) => one(call('POST', `/${kind}`, { body })),
		update: (id, body) => one(call('POST', `/${kind}/${id}`, { body })),
		remove: (id) => call('DELETE', `/${kind}/${id}`),
	};
}

let catalogue;
/** The connection auth types; they do not change while the page is open. */
export function authTypes() {
	catalogue ??= all('/connection-auth-types', 'connectionAuthTypes').catch((e) => {
		catalogue = undefined;
		throw e;
	});
	return catalogue;
}
