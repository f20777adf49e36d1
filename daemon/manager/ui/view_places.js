// SPDX-License-Identifier: Apache-2.0
// Workspaces with the organization's settings, and a Workspace's Deployments and projects: making,
// renaming and deleting them, with what a deletion removes.

import { may, objects, organization, places as api, session } from './api.js';
import { placeLine } from './nav.js';
import {
	actions,
	badge,
	busy,
	button,
	confirm,
	dialog,
	empty,
	explain,
	field,
	fill,
	h,
	input,
	link,
	note,
	select,
	table,
	time,
	toast,
} from './parts.js';
import { deployment, deploymentsOf, known, loadPlaces, placeOf, projectsOf } from './places.js';
import { T } from './texts.js';

export async function show(route) {
	const page = h('div', { class: 'stack' });
	const draw = () =>
		fill(page, route.scope === 'w' ? inWorkspace(route, draw) : wholeOrganization(draw));
	draw();
	return [page];
}

/** The navigation beside shows the places, too: it is drawn anew with the view. */
async function reload(draw) {
	await loadPlaces();
	draw();
	window.dispatchEvent(new HashChangeEvent('hashchange'));
}

// ---- the organization ----

function wholeOrganization(draw) {
	const org = known.organization;
	return [
		h('h1', {}, T.organizationTitle),
		h(
			'section',
			{ class: 'card', 'aria-labelledby': 'org-title' },
			h(
				'div',
				{ class: 'head' },
				h('h2', { id: 'org-title' }, org.name),
				may.settings()
					? button(T.rename, () => renameOrganization(draw), 'quiet', {
							'aria-label': T.renameOne(org.name),
						})
					: null,
			),
			secretsSwitch(org, draw),
		),
		h(
			'section',
			{ class: 'card', 'aria-labelledby': 'workspaces-title' },
			h(
				'div',
				{ class: 'head' },
				h('h2', { id: 'workspaces-title' }, T.workspaces),
				may.manageWorkspaces()
					? button(T.createWorkspace, () => edit('workspaces', null, {}, draw), 'primary')
					: null,
			),
			may.manageWorkspaces() ? null : h('p', { class: 'hint' }, T.workspacesOwnersOnly),
			known.workspaces.length
				? placeTable('workspaces', known.workspaces, draw)
				: empty(T.noWorkspaces, T.noWorkspacesText),
		),
	];
}

function renameOrganization(draw) {
	return nameDialog(
		T.renameOne(known.organization.name),
		known.organization,
		[],
		async (values) => {
			await organization.update({ name: values.name });
			await reload(draw);
			toast(T.savedPlace(values.name));
		},
	);
}

function secretsSwitch(org, draw) {
	const on = org.environmentSecretsFetching;
	const turn = async () => {
		if (
			!(await confirm(
				on ? T.switchOffTitle : T.switchOnTitle,
				on ? T.switchOffText : T.switchOnText,
				on ? T.switchOff : T.switchOn,
				on ? 'danger' : 'primary',
			))
		)
			return;
		try {
			await organization.update({ environmentSecretsFetching: !on });
			await reload(draw);
			toast(on ? T.switchedOff : T.switchedOn);
		} catch (e) {
			toast(explain(e), 'bad');
		}
	};
	return [
		h(
			'p',
			{},
			h('strong', {}, T.secretsFetching),
			' ',
			badge(on ? T.on : T.off, on ? 'good' : 'warn'),
		),
		h('p', { class: 'hint' }, T.secretsFetchingText),
		may.settings()
			? button(on ? T.switchOff : T.switchOn, turn)
			: h('p', { class: 'hint' }, T.settingsOwnersOnly),
	];
}

// ---- a Workspace ----

function inWorkspace(route, draw) {
	const place = placeOf(route);
	if (!place) return [h('h1', {}, T.placesTitle), note(T.notThere, 'bad')];
	const may_ = may.managePlaces();
	const section = (kind, title, list, text) =>
		h(
			'section',
			{ class: 'card', 'aria-labelledby': `${kind}-title` },
			h(
				'div',
				{ class: 'head' },
				h('h2', { id: `${kind}-title` }, title),
				may_
					? button(
							T.createPlace[kind],
							() => edit(kind, null, { workspaceId: place.id }, draw),
							'primary',
						)
					: null,
			),
			list.length ? placeTable(kind, list, draw) : empty(T.noneYet(title), text),
		);
	return [
		placeLine(route),
		h('h1', {}, T.placesTitle),
		may_ ? null : note(T.roleReads(T.roles[session.role])),
		section('deployments', T.deployments, deploymentsOf(place.id), T.noDeploymentsText),
		section('projects', T.projects, projectsOf(place.id), T.noProjectsText),
	];
}

const SCOPES = { workspaces: 'w', deployments: 'd', projects: 'p' };
const mayManage = (kind) => (kind === 'workspaces' ? may.manageWorkspaces() : may.managePlaces());

function placeTable(kind, list, draw) {
	return table(
		T[kind],
		[
			{
				title: T.name,
				cell: (p) => [
					link(p.name, `#/${SCOPES[kind]}/${p.id}/connections`),
					p.description ? h('span', { class: 'faint description' }, p.description) : null,
				],
			},
			kind === 'projects'
				? {
						title: T.deployment,
						cell: (p) => deployment(p.deploymentId)?.name ?? h('span', { class: 'faint' }, T.none),
					}
				: { title: T.id, cell: (p) => h('code', {}, p.id) },
			{ title: T.createdTitle, cell: (p) => time(p.createdAt) },
			...(mayManage(kind)
				? [
						{
							title: T.change,
							cell: (p) => [
								button(T.edit, () => edit(kind, p, {}, draw), 'quiet', {
									'aria-label': T.editOne(p.name),
								}),
								button(T.delete, () => remove(kind, p, draw), 'quiet danger', {
									'aria-label': T.deletePlace(p.name),
								}),
							],
						},
					]
				: []),
		],
		list,
	);
}

// ---- making, changing, deleting ----

/** place: null for a new one, which gets the members of `fixed`. */
function edit(kind, place, fixed, draw) {
	const workspaceId = place?.workspaceId ?? fixed.workspaceId;
	const more =
		kind === 'projects'
			? [
					{
						name: 'deploymentId',
						label: T.deployment,
						hint: T.projectDeploymentHint,
						options: [['', T.none], ...deploymentsOf(workspaceId).map((d) => [d.id, d.name])],
					},
				]
			: [];
	return nameDialog(
		place ? T.editOne(place.name) : T.createOne(T.placeTypes[SCOPES[kind]]),
		place,
		more,
		async (values) => {
			if (place) await api(kind).update(place.id, values);
			else await api(kind).create({ ...fixed, ...values });
			await reload(draw);
			toast(T.savedPlace(values.name));
		},
	);
}

function nameDialog(title, place, more, save) {
	const isOrganization = place && place === known.organization;
	const values = { name: place?.name ?? '' };
	if (!isOrganization) values.description = place?.description ?? '';
	for (const m of more) values[m.name] = place?.[m.name] ?? '';
	return dialog(title, (close, box) => {
		const problem = h('div');
		const name = field(
			T.name,
			input(
				values.name,
				(t) => {
					values.name = t.trim();
				},
				{ maxlength: '128', autofocus: true },
			),
			{ required: true },
		);
		const submit = async (event) => {
			event.preventDefault();
			name.setError(values.name ? '' : T.nameMissing);
			if (!values.name) return name.control.focus();
			await busy(box, problem, async () => {
				await save(values);
				close();
			});
		};
		return h(
			'form',
			{ novalidate: true, on: { submit } },
			name,
			isOrganization
				? null
				: field(
						T.description,
						input(
							values.description,
							(t) => {
								values.description = t;
							},
							{ maxlength: '500' },
						),
					),
			more.map((m) =>
				field(
					m.label,
					select(m.options, values[m.name], (v) => {
						values[m.name] = v;
					}),
					{ hint: m.hint },
				),
			),
			problem,
			actions(
				button(T.cancel, () => close()),
				h('button', { class: 'button primary' }, T.save),
			),
		);
	});
}

/** What goes with a place: its own objects, and the links that lead to it. */
async function losses(kind, place) {
	if (kind === 'workspaces') {
		const own = (await objects.list({ workspaceId: place.id, limit: 0 })).data.totalCount;
		return [T.losesObjects(own), T.losesTokens];
	}
	const filter = kind === 'deployments' ? { deploymentId: place.id } : { projectId: place.id };
	const [own, above] = await Promise.all([
		objects.list({ ...filter, limit: 0 }),
		objects.all({ workspaceId: place.workspaceId }),
	]);
	const links = above.filter((o) =>
		[...(o.links ?? []), ...(o.projectLinks ?? [])].some((l) => l.scopeEntityId === place.id),
	);
	return [
		T.losesObjects(own.data.totalCount),
		T.losesLinks(links.length),
		kind === 'deployments' ? T.losesTokens : null,
		T.keepsWorkspace,
	].filter(Boolean);
}

async function remove(kind, place, draw) {
	if (kind === 'workspaces' && (deploymentsOf(place.id).length || projectsOf(place.id).length)) {
		return dialog(T.deletePlace(place.name), (close) => [
			h('p', {}, T.workspaceNotEmpty),
			actions(button(T.done, () => close(), 'primary')),
		]);
	}
	let gone;
	try {
		gone = await losses(kind, place);
	} catch (e) {
		return toast(explain(e), 'bad');
	}
	const sure = await confirm(
		T.deletePlace(place.name),
		[
			T.deletePlaceText,
			h(
				'ul',
				{},
				gone.map((t) => h('li', {}, t)),
			),
		],
		T.delete,
	);
	if (!sure) return undefined;
	try {
		await api(kind).remove(place.id);
		await reload(draw);
		toast(T.deleted(place.name));
	} catch (e) {
		toast(explain(e), 'bad');
	}
	return undefined;
}
