// SPDX-License-Identifier: Apache-2.0
// What others change appears: a held request tells when a view has changed. A hidden tab holds
// none, because a browser opens only a few connections to one server.

import { objects, trouble } from './api.js';

const HELD_SECONDS = 50;
const RETRY_MS = 5000;

let open = [];

/** Ends all watches; the next view begins its own. */
export function closeAll() {
	for (const stop of open) stop();
	open = [];
}

/** Calls action() every few seconds while the tab is shown. It ends with closeAll(). */
export function every(seconds, action) {
	const timer = setInterval(() => {
		if (document.visibilityState === 'visible') action();
	}, seconds * 1000);
	open.push(() => clearInterval(timer));
}

/**
 * Calls changed() each time the view of `query` has changed since `etag`. It ends with closeAll().
 */
export function watch(query, etag, changed) {
	let tag = etag;
	let stopped = false;
	let held;

	const visible = () =>
		new Promise((resolve) => {
			if (document.visibilityState === 'visible') return resolve();
			document.addEventListener('visibilitychange', resolve, { once: true });
		});

	const once = async () => {
		held = new AbortController();
		const reply = await objects.list(
			{ ...query, limit: 0 },
			{ etag: tag, wait: HELD_SECONDS, signal: held.signal },
		);
		trouble(null);
		if (reply.status !== 200 || stopped) return;
		const isNew = tag && reply.etag !== tag;
		tag = reply.etag;
		if (isNew) await changed();
	};

	const hide = () => {
		if (document.visibilityState !== 'visible') held?.abort();
	};
	document.addEventListener('visibilitychange', hide);

	const run = async () => {
		while (!stopped) {
			try {
				await visible();
				if (!stopped) await once();
			} catch (e) {
				// A view that was refused is told when a person next does something.
				if (e.status === 401 || e.status === 403 || e.status === 404) return;
				if (e.name !== 'AbortError')
					await new Promise((r) => setTimeout(r, RETRY_MS * (1 + Math.random())));
			}
		}
	};
	open.push(() => {
		stopped = true;
		document.removeEventListener('visibilitychange', hide);
		held?.abort();
	});
	run();
}
