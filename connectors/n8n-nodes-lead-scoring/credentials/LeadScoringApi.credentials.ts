import type {
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IHttpRequestOptions,
	Icon,
	INodeProperties,
} from 'n8n-workflow';

export class LeadScoringApi implements ICredentialType {
	name = 'leadScoringApi';

	displayName = 'Lead Scoring API';

	icon: Icon = { light: 'file:../icons/leadscoring.svg', dark: 'file:../icons/leadscoring.dark.svg' };

	documentationUrl = 'https://www.npmjs.com/package/n8n-nodes-lead-scoring';

	properties: INodeProperties[] = [
		{
			displayName: 'URL',
			name: 'url',
			type: 'string',
			default: 'http://127.0.0.1:5080',
			required: true,
			placeholder: 'e.g. http://sidecar:5080',
			description:
				'Address of the lead-scoring sidecar, without /v1. When n8n runs in Docker, 127.0.0.1 is n8n itself: use the name of the service, such as http://sidecar:5080.',
		},
		{
			displayName: 'API Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			required: true,
			description:
				'Made with "keys create". Scope "write" is enough for leads, events, outcomes and feedback; models and the trigger need "admin".',
		},
		{
			displayName: 'Organization',
			name: 'organizationId',
			type: 'string',
			default: '',
			description:
				'Optional. When filled in, a key of any other organization is refused. When empty, the organization is that of the key.',
		},
		{
			displayName: 'n8n URL for the Sidecar',
			name: 'n8nUrl',
			type: 'string',
			default: '',
			placeholder: 'e.g. http://n8n:5678',
			description:
				"Optional. Where the sidecar reaches this n8n, when that is another address than the one that browsers use, such as http://n8n:5678 between containers. The trigger registers its webhook there. Leave empty to use n8n's own webhook URL.",
		},
	];

	// The organization goes along only when it is given: an empty one would be another organization's.
	authenticate = async (
		credentials: ICredentialDataDecryptedObject,
		request: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> => ({
		...request,
		headers: { ...request.headers, 'X-API-Key': credentials.apiKey },
		qs: credentials.organizationId ? { ...request.qs, organization_id: credentials.organizationId } : request.qs,
	});

	test: ICredentialTestRequest = {
		request: { baseURL: '={{ $credentials.url.replace(/\\/+$/, "") }}', url: '/v1/models' },
		rules: [
			{
				type: 'responseSuccessBody',
				properties: {
					key: 'models',
					value: undefined,
					message: 'Something answers at this URL, but it is not the lead-scoring sidecar. Check the port, and leave /v1 out.',
				},
			},
		],
	};
}
