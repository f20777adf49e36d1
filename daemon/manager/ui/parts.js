// SPDX-License-Identifier: Apache-2.0
// Small parts that every view is made of. They make DOM nodes; nothing here parses HTML.

import { T } from './texts.js';

/**
 * An element. Properties: `class`, `on` (event handlers by name), and attributes; true is an
 * attribute without a value; false, null and undefined are none. `value` and `checked` are set as
 * properties. Children: nodes, texts, arrays of them; null and false are left out.
 */
export function h(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (value === false || value === null || value === undefined) continue;
		if (name === 'on') {
			for (const [event, handler] of Object.entries(value))
				element.addEventListener(event, handler);
		} else if (name === 'value' || name === 'checked') element[name] = value;
		else element.setAttribute(name, value === true ? '' : value);
	}
	element.append(...flat(children));
	// Options exist only now.
	if (tag === 'select' && properties.value !== undefined) element.value = properties.value;
	return element;
}

function flat(children) {
	return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
}

export function fill(element, ...children) {
	element.replaceChildren(...flat(children));
	return element;
}

let ids = 0;
export const newId = (prefix) => `${prefix}-${++ids}`;

// ---- small things ----

/** kind: primary, danger, quiet or none */
export function button(label, action, kind = '', properties = {}) {
	return h(
		'button',
		{ type: 'button', class: `button ${kind}`, on: { click: action }, ...properties },
		label,
	);
}

export function link(label, href, properties = {}) {
	return h('a', { href, ...properties }, label);
}

/** tone: plain, good, warn, bad, accent */
export function badge(text, tone = 'plain', properties = {}) {
	return h('span', { class: `badge ${tone}`, ...properties }, text);
}

export function note(text, tone = 'plain', ...more) {
	return h(
		'div',
		{ class: `note ${tone}`, role: tone === 'bad' ? 'alert' : null },
		h('p', {}, text),
		more,
	);
}

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const UNITS = [
	['year', 31536000],
	['month', 2592000],
	['day', 86400],
	['hour', 3600],
	['minute', 60],
];

export function fullTime(iso) {
	return absolute.format(new Date(iso));
}

/** A time as the reader's clock and zone show it. */
export function time(iso) {
	if (!iso) return h('span', { class: 'faint' }, T.never);
	const seconds = (Date.parse(iso) - Date.now()) / 1000;
	const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
	const text = unit ? relative.format(Math.round(seconds / unit[1]), unit[0]) : T.justNow;
	return h('time', { datetime: iso, title: fullTime(iso) }, text);
}

/** A text that may be broken behind the signs between its parts, as in an address or an id. */
export function breakable(text) {
	return text.split(/(?<=[@:/.,_-])/).flatMap((part, i) => (i ? [h('wbr'), part] : [part]));
}

export function empty(title, text, ...actions) {
	return h('div', { class: 'empty' }, h('h2', {}, title), h('p', {}, text), h('p', {}, actions));
}

export function loading() {
	return h('p', { class: 'loading', role: 'status' }, T.loading);
}

/** A short message in the corner, read out by screen readers. */
export function toast(text, tone = 'good') {
	const shown = h('div', { class: `toast ${tone}` }, text);
	document.getElementById('toasts').append(shown);
	setTimeout(() => shown.remove(), 6000);
}

export function explain(error) {
	if (error.name === 'AbortError') return '';
	return error.requestId ? T.errorWithRequest(error.message, error.requestId) : error.message;
}

// ---- forms ----

/**
 * A labelled control. Options: hint, required, mark (a badge beside the label), after (nodes beside
 * the control). The element has setError(text); "" removes the error.
 */
export function field(label, control, options = {}) {
	const id = control.id || newId('field');
	const hint = options.hint ? h('p', { class: 'hint', id: `${id}-hint` }, options.hint) : null;
	const error = h('p', { class: 'error', id: `${id}-error`, hidden: true });
	control.id = id;
	control.setAttribute('aria-describedby', [hint?.id, error.id].filter(Boolean).join(' '));
	if (options.required) control.setAttribute('aria-required', 'true');
	const box = h(
		'div',
		{ class: 'field' },
		h(
			'label',
			{ for: id },
			label,
			options.required ? h('span', { class: 'faint' }, ` ${T.required}`) : null,
		),
		options.mark,
		h('div', { class: 'control' }, control, options.after),
		hint,
		error,
	);
	box.control = control;
	box.setError = (text) => {
		error.textContent = text;
		error.hidden = !text;
		if (text) control.setAttribute('aria-invalid', 'true');
		else control.removeAttribute('aria-invalid');
	};
	return box;
}

export function checkbox(label, checked, onChange, hint) {
	const id = newId('check');
	return h(
		'div',
		{ class: 'check' },
		h('input', {
			type: 'checkbox',
			id,
			checked,
			'aria-describedby': hint ? `${id}-hint` : null,
			on: { change: (e) => onChange(e.target.checked) },
		}),
		h('label', { for: id }, label),
		hint ? h('p', { class: 'hint', id: `${id}-hint` }, hint) : null,
	);
}

export function select(options, value, onChange, properties = {}) {
	return h(
		'select',
		{ ...properties, value, on: { change: (e) => onChange(e.target.value) } },
		options.map(([id, text]) => h('option', { value: id }, text)),
	);
}

export function input(value, onInput, properties = {}) {
	return h('input', {
		type: 'text',
		autocomplete: 'off',
		spellcheck: 'false',
		...properties,
		value: value ?? '',
		on: { input: (e) => onInput(e.target.value) },
	});
}

/** Disables the buttons of a form while an action runs, and shows what went wrong in `place`. */
export async function busy(form, place, action) {
	const controls = [...form.querySelectorAll('button')].filter((b) => !b.disabled);
	for (const b of controls) b.disabled = true;
	fill(place);
	try {
		return await action();
	} catch (e) {
		if (e.name !== 'AbortError') fill(place, note(explain(e), 'bad'));
		return undefined;
	} finally {
		for (const b of controls) b.disabled = false;
	}
}

// ---- dialogs ----

/**
 * A modal dialog; the browser keeps the focus in it, closes it with Escape and gives the focus
 * back. `make(close)` returns its content, as nodes; the promise has what close() was given.
 */
export function dialog(title, make, properties = {}) {
	return new Promise((resolve) => {
		const id = newId('dialog');
		const before = document.activeElement;
		let result;
		const box = h('dialog', {
			'aria-labelledby': id,
			...properties,
			on: {
				close: () => {
					box.remove();
					if (before?.isConnected) before.focus();
					resolve(result);
				},
			},
		});
		const close = (value) => {
			result = value;
			box.close();
		};
		fill(box, h('h2', { id }, title), make(close, box));
		document.body.append(box);
		box.showModal();
	});
}

export function actions(...buttons) {
	return h('div', { class: 'actions' }, buttons);
}

/** Asks before something is removed. Resolves to true, or to undefined. */
export function confirm(title, text, label, kind = 'danger') {
	return dialog(title, (close) => [
		[].concat(text).map((t) => (t instanceof Node ? t : h('p', {}, t))),
		actions(
			button(T.cancel, () => close(), '', { autofocus: true }),
			button(label, () => close(true), kind),
		),
	]);
}

// ---- tables ----

/**
 * columns: {title, cell(row), sort?, class?}; sort: "updatedAt:desc". A column that can be sorted by
 * is a button in its head.
 */
export function table(caption, columns, rows, { sort, onSort } = {}) {
	const [by, direction] = (sort ?? '').split(':');
	const head = (c) => {
		if (!c.sort) return h('th', { scope: 'col', class: c.class }, c.title);
		const mine = c.sort === by;
		const next = mine && direction === 'asc' ? 'desc' : 'asc';
		const arrow = mine ? (direction === 'asc' ? ' ↑' : ' ↓') : '';
		return h(
			'th',
			{ scope: 'col', class: c.class, 'aria-sort': mine ? `${direction}ending` : 'none' },
			h(
				'button',
				{
					type: 'button',
					class: 'sort',
					'data-sort': c.sort,
					on: { click: () => onSort(`${c.sort}:${next}`) },
				},
				c.title,
				h('span', { 'aria-hidden': 'true' }, arrow),
			),
		);
	};
	return scrolling(
		caption,
		h(
			'table',
			{},
			h('caption', { class: 'unseen' }, caption),
			h('thead', {}, h('tr', {}, columns.map(head))),
			h(
				'tbody',
				{},
				rows.map((row) =>
					h(
						'tr',
						{},
						columns.map((c, i) => cell(c, row, i)),
					),
				),
			),
		),
	);
}

/** A box that can be scrolled with the keyboard while its content is wider than it is. */
function scrolling(name, content) {
	const box = h('div', { class: 'table' }, content);
	const observer = new ResizeObserver(() => {
		const scrolls = box.scrollWidth > box.clientWidth;
		const attributes = { tabindex: '0', role: 'region', 'aria-label': name };
		for (const [key, value] of Object.entries(attributes))
			scrolls ? box.setAttribute(key, value) : box.removeAttribute(key);
	});
	observer.observe(box);
	observer.observe(content);
	return box;
}

function cell(column, row, index) {
	const content = column.cell(row);
	const properties = { class: column.class, 'data-title': column.title };
	return index === 0
		? h('th', { scope: 'row', ...properties }, content)
		: h('td', properties, content);
}

/** "1–50 of 312" with the ways to the other pages. */
export function pager({ offset, limit, total, shown, go }) {
	if (total <= limit && offset === 0) return h('p', { class: 'pager faint' }, T.rowCount(total));
	return h(
		'nav',
		{ class: 'pager', 'aria-label': T.pages },
		h('span', { role: 'status' }, T.range(offset + 1, offset + shown, total)),
		button(T.previousPage, () => go(Math.max(0, offset - limit)), '', { disabled: offset === 0 }),
		button(T.nextPage, () => go(offset + limit), '', { disabled: offset + shown >= total }),
	);
}
