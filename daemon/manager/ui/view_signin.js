// SPDX-License-Identifier: Apache-2.0
// Signing in with a token: as a page of its own, and as a dialog over what a person was doing.

import { session, signIn } from './api.js';
import { dialog, explain, field, fill, h, note } from './parts.js';
import { T } from './texts.js';

function form(done, problem) {
	const said = h('div', {}, problem ? note(problem, 'bad') : null);
	const token = h('input', {
		type: 'password',
		autocomplete: 'off',
		spellcheck: 'false',
		autofocus: true,
		id: 'token',
	});
	const box = field(T.token, token, { hint: T.tokenHint });
	const submit = async (event) => {
		event.preventDefault();
		const text = token.value.trim();
		box.setError(text ? '' : T.tokenMissing);
		if (!text) return token.focus();
		try {
			await signIn({ token: text });
		} catch (e) {
			fill(said);
			box.setError(e.status === 401 ? T.tokenRefused : explain(e));
			return token.focus();
		}
		token.value = '';
		done();
	};
	return h(
		'form',
		{ class: 'signin-form', novalidate: true, on: { submit } },
		said,
		box,
		h('button', { class: 'button primary' }, T.signIn),
	);
}

/** Fills the page; resolves when somebody has signed in. */
export function showSignIn(app, problem) {
	document.title = `${T.signIn} – ${T.product}`;
	return new Promise((resolve) => {
		fill(
			app,
			h(
				'main',
				{ class: 'signin' },
				h('h1', {}, h('span', { class: 'mark', 'aria-hidden': 'true' }), T.product),
				h('p', {}, T.signInText),
				form(resolve, problem),
				h(
					'details',
					{},
					h('summary', {}, T.noToken),
					h('p', {}, T.noTokenText),
					h('pre', {}, T.noTokenCommand),
				),
			),
		);
		document.getElementById('token').focus();
	});
}

let shown;
/** When the session ended: what was typed into the page stays. */
export function signInDialog() {
	const before = session;
	shown ??= dialog(
		T.sessionEnded,
		(close) => [h('p', {}, T.sessionEndedText), form(() => close(true))],
		{ class: 'sign-in' },
	).then((ok) => {
		shown = undefined;
		if (!ok) throw new Error(T.notSignedIn);
		// Another token may see another organization: begin anew.
		if (before && before.organizationId !== session.organizationId) location.reload();
	});
	return shown;
}
