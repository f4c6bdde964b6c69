import type { IDataObject, ILoadOptionsFunctions, INodeListSearchResult, JsonObject } from 'n8n-workflow';
import { NodeApiError } from 'n8n-workflow';
import { FailedRequest } from './request/failedRequest';
import type { ApiRequest } from './request/send';
import { send } from './request/send';

/** Leads, those that changed last first; a filter also finds the lead of exactly that ID. */
export async function searchLeads(this: ILoadOptionsFunctions, filter?: string, paginationToken?: string): Promise<INodeListSearchResult> {
	const page = await ask(this, { method: 'GET', path: '/v1/leads', qs: { order: '-updated_at', limit: 200, cursor: paginationToken } });
	const leads = page.leads as IDataObject[];
	const wanted = (filter ?? '').trim();
	const found = wanted ? leads.filter((lead) => String(lead.lead_id).toLowerCase().includes(wanted.toLowerCase())) : leads;
	const isListed = found.some((lead) => lead.lead_id === wanted);
	const exact = wanted && !paginationToken && !isListed ? await findLead(this, wanted) : [];
	return { results: [...exact, ...found].map(leadEntry), paginationToken: page.next_cursor as string | undefined };
}

/** Versions of the model, the newest first. */
export async function searchModels(this: ILoadOptionsFunctions, filter?: string): Promise<INodeListSearchResult> {
	const { models } = await ask(this, { method: 'GET', path: '/v1/models' });
	const entries = (models as IDataObject[]).map((model) => ({
		name: `Version ${model.version}${model.is_champion ? ' (current)' : ''}, ${String(model.created_at).slice(0, 10)}`,
		value: String(model.version),
	}));
	return { results: entries.filter((entry) => entry.name.toLowerCase().includes((filter ?? '').toLowerCase())) };
}

function leadEntry(lead: IDataObject): { name: string; value: string } {
	const grade = lead.grade ? ` (${lead.grade}, ${lead.score})` : '';
	return { name: `${lead.lead_id}${grade}`, value: String(lead.lead_id) };
}

async function findLead(context: ILoadOptionsFunctions, leadId: string): Promise<IDataObject[]> {
	const request: ApiRequest = { method: 'GET', path: `/v1/leads/${encodeURIComponent(leadId)}` };
	return [await ask(context, request, 404)].flatMap((lead) => (lead.lead_id ? [lead] : []));
}

/** Failures become n8n's own; of one status an empty answer is made. */
async function ask(context: ILoadOptionsFunctions, request: ApiRequest, ignoredStatus?: number): Promise<IDataObject> {
	try {
		return await send(context, request);
	} catch (error) {
		if (!(error instanceof FailedRequest)) throw new NodeApiError(context.getNode(), error as JsonObject);
		const { message, description, status } = error.failure;
		if (status === ignoredStatus && status !== null) return {};
		throw new NodeApiError(context.getNode(), { message }, { message, description });
	}
}
