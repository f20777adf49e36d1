// SPDX-License-Identifier: Apache-2.0
// The organization, its Workspaces, Deployments and projects, as far as the token covers them. They
// are loaded at the start, after each change of ours, and when a view is opened.

import { may, organization, places as api, session } from './api.js';
import { T } from './texts.js';

export const known = { organization: null, workspaces: [], deployments: [], projects: [] };

const OLD_MS = 20_000;
let loadedAt = 0;

/** Others make places, too: loads them again when that was last done a while ago. */
export async function refreshPlaces() {
	if (Date.now() - loadedAt > OLD_MS) await loadPlaces();
}

export async function loadPlaces() {
	const [org, workspaces, deployments, projects] = await Promise.all([
		organization.get(),
		api('workspaces').all(),
		api('deployments').all(),
		api('projects').all(),
	]);
	Object.assign(known, { organization: org, workspaces, deployments, projects });
	loadedAt = Date.now();
}

export const workspace = (id) => known.workspaces.find((w) => w.id === id);
export const deployment = (id) => known.deployments.find((d) => d.id === id);
export const project = (id) => known.projects.find((p) => p.id === id);
export const deploymentsOf = (id) => known.deployments.filter((d) => d.workspaceId === id);
export const projectsOf = (id) => known.projects.filter((p) => p.workspaceId === id);
export const nameOf = (id) =>
	(
		workspace(id) ??
		deployment(id) ??
		project(id) ??
		(known.organization?.id === id ? known.organization : null)
	)?.name ?? id;

/** The place that an address is about: {scope, id, name, type, workspaceId, apiScope}. */
export function placeOf(route) {
	const found = { w: workspace, d: deployment, p: project }[route.scope]?.(route.id);
	if (!found) return null;
	return {
		scope: route.scope,
		id: route.id,
		name: found.name,
		type: T.placeTypes[route.scope],
		workspaceId: route.scope === 'w' ? found.id : found.workspaceId,
		deploymentId: found.deploymentId,
		apiScope: { w: 'WORKSPACE', d: 'DEPLOYMENT', p: 'PROJECT' }[route.scope],
		filter: { [{ w: 'workspaceId', d: 'deploymentId', p: 'projectId' }[route.scope]]: route.id },
	};
}

/** Where the page begins. */
export function firstAddress() {
	if (session.scope === 'DEPLOYMENT') return `#/d/${session.scopeId}/connections`;
	const first = known.workspaces[0];
	return first ? `#/w/${first.id}/connections` : '#/org';
}

export function mayWriteAt(place) {
	return place.scope === 'w'
		? may.writeWorkspace()
		: may.write() && (place.scope !== 'p' || session.scope !== 'DEPLOYMENT');
}

/** Why a role does not write here; "" when it does. */
export function whyNotWrite(place) {
	if (mayWriteAt(place)) return '';
	return may.write() ? T.scopeIsNarrower(place.type) : T.roleReads(T.roles[session.role]);
}
