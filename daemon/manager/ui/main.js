// SPDX-License-Identifier: Apache-2.0
// Starts the page: signs in, keeps the frame around the views, and shows the view of the address.

import { currentSession, onSessionEnd, onTrouble, session, signIn, signOut } from './api.js';
import { closeAll } from './live.js';
import { firstAddress, loadPlaces, refreshPlaces } from './places.js';
import { navigation, placeLine } from './nav.js';
import { explain, fill, h, button, loading, note } from './parts.js';
import { T } from './texts.js';
import { parseRoute } from './route.js';
import { showSignIn, signInDialog } from './view_signin.js';
import * as list from './view_list.js';
import * as objectView from './view_object.js';
import * as placesView from './view_places.js';
import * as tokensView from './view_tokens.js';
import * as auditView from './view_audit.js';
import * as sidecarsView from './view_sidecars.js';
import * as transferView from './view_transfer.js';

const app = document.getElementById('app');
let content;
let menu;
let shownRoute;

// A view: show(route, places) returns the nodes of the page, or a promise of them.
const VIEWS = {
	list,
	object: objectView,
	places: placesView,
	tokens: tokensView,
	audit: auditView,
	sidecars: sidecarsView,
	transfer: transferView,
};

/** Whether the shown view has unsaved changes. */
let isDirty = false;

const mayLeave = () => !isDirty || window.confirm(T.leaveUnsaved);

async function start() {
	const code = /^#code=(.+)$/.exec(location.hash)?.[1];
	if (code) history.replaceState(null, '', location.pathname);
	let problem = '';
	try {
		if (code) await signIn({ code });
		else await currentSession();
	} catch (e) {
		problem = code && e.status === 401 ? T.codeRefused : explain(e);
	}
	if (!session) await showSignIn(app, problem);
	await frame();
}

async function frame() {
	fill(app, loading());
	try {
		await loadPlaces();
	} catch (e) {
		return fill(
			app,
			h('main', { class: 'alone' }, note(explain(e), 'bad'), button(T.tryAgain, frame)),
		);
	}
	content = h('main', { id: 'content', tabindex: '-1' });
	fill(
		app,
		h('a', { class: 'skip', href: '#content', on: { click: skip } }, T.skip),
		h('header', { class: 'top' }, ...topBar()),
		h('div', { class: 'body' }, h('nav', { id: 'nav', 'aria-label': T.mainNavigation }), content),
	);
	onSessionEnd(() => signInDialog().then(() => undefined));
	await show();
}

function skip(event) {
	event.preventDefault();
	content.focus();
}

/** Above everything, while nothing can be read: what is shown may be old. */
function showTrouble(e) {
	const box = document.getElementById('trouble');
	const text = e ? T.away(e.status ? explain(e) : T.unreachableNow) : '';
	if (box.textContent === text) return;
	box.hidden = !text;
	box.textContent = text;
}

/** On narrow screens the navigation is behind a button. */
function openMenu(open) {
	document.body.classList.toggle('menu-open', open);
	menu.setAttribute('aria-expanded', String(open));
}

/** A dialog belongs to the view that opened it; the sign-in to none. */
function closeDialogs() {
	for (const d of document.querySelectorAll('dialog[open]:not(.sign-in)')) d.close();
}

function topBar() {
	menu = button(
		T.menu,
		() => openMenu(!document.body.classList.contains('menu-open')),
		'quiet menu',
		{
			'aria-expanded': 'false',
			'aria-controls': 'nav',
		},
	);
	return [
		menu,
		h(
			'a',
			{ class: 'brand', href: '#/', 'aria-label': T.product },
			h('span', { class: 'mark', 'aria-hidden': 'true' }),
			h('span', { class: 'brand-name' }, T.product),
		),
		h(
			'span',
			{ class: 'who' },
			h('span', { class: 'who-name' }, session.name),
			' ',
			h('span', { class: 'badge plain' }, T.roles[session.role]),
		),
		button(T.signOut, leave, 'quiet'),
	];
}

async function leave() {
	if (!mayLeave()) return;
	isDirty = false;
	closeAll();
	await signOut().catch(() => {});
	history.replaceState(null, '', location.pathname);
	location.reload();
}

async function show() {
	const route = parseRoute(location.hash);
	if (!route) {
		location.replace(firstAddress());
		return;
	}
	const sameView = shownRoute && shownRoute.path === route.path;
	if (!sameView && !mayLeave()) {
		history.replaceState(null, '', shownRoute.href);
		return;
	}
	closeAll();
	isDirty = false;
	if (!sameView) closeDialogs();
	openMenu(false);
	shownRoute = route;
	fill(document.getElementById('nav'), navigation(route));
	if (!sameView) fill(content, loading());
	let view;
	try {
		await refreshPlaces();
		fill(document.getElementById('nav'), navigation(route));
		view = await VIEWS[route.view].show(route, (dirty) => {
			isDirty = dirty;
		});
	} catch (e) {
		view = [
			placeLine(route),
			note(e.status === 404 ? T.notThere : explain(e), 'bad'),
			button(T.tryAgain, show),
		];
	}
	if (shownRoute !== route) return;
	const focused = sameView ? focusMark() : null;
	fill(content, view);
	const title = content.querySelector('h1');
	document.title = title ? `${title.textContent} – ${T.product}` : T.product;
	if (focused) content.querySelector(focused)?.focus();
	else if (!sameView) {
		content.scrollTop = 0;
		window.scrollTo(0, 0);
		if (title) {
			title.tabIndex = -1;
			title.focus({ preventScroll: true });
		}
	}
}

/** How to find the focused control again after the same view was drawn anew. */
function focusMark() {
	const e = document.activeElement;
	if (!e || !content.contains(e)) return null;
	if (e.dataset.sort) return `[data-sort="${CSS.escape(e.dataset.sort)}"]`;
	return e.id ? `#${CSS.escape(e.id)}` : null;
}

onTrouble(showTrouble);
window.addEventListener('hashchange', show);
window.addEventListener('beforeunload', (e) => {
	if (isDirty) e.preventDefault();
});
start();
