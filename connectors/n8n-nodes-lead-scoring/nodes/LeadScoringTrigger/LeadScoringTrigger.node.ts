import type { IHookFunctions, INodeType, INodeTypeDescription, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';
import { receive } from './receive';
import { isRegistered, register, unregister } from './registration';

export class LeadScoringTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Lead Scoring Trigger',
		name: 'leadScoringTrigger',
		icon: { light: 'file:../../icons/leadscoring.svg', dark: 'file:../../icons/leadscoring.dark.svg' },
		group: ['trigger'],
		version: 1,
		subtitle: '={{ $parameter["events"].join(", ") }}',
		description: 'Starts the workflow when a score or grade changes, a person should look, leads drift, or a new model takes over',
		defaults: { name: 'Lead Scoring Trigger' },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'leadScoringApi', required: true }],
		webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', responseData: '', path: 'webhook' }],
		properties: [
			{
				displayName:
					'The sidecar sends to this n8n: an address in a private network must be named in LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS of the sidecar, and the API key needs scope "admin".',
				name: 'notice',
				type: 'notice',
				default: '',
			},
			{
				displayName: 'Events',
				name: 'events',
				type: 'multiOptions',
				required: true,
				default: ['grade.changed'],
				options: [
					{ name: 'Drift Alert', value: 'drift.alert', description: 'A drift check gave an alarm: once, while its cause lasts' },
					{ name: 'Grade Changed', value: 'grade.changed', description: 'A lead has another grade, or its first one' },
					{ name: 'Model Promoted', value: 'model.promoted', description: 'Another version of the model scores from now on' },
					{ name: 'Review Needed', value: 'review.needed', description: "A person should look at a lead's score" },
					{ name: 'Score Updated', value: 'score.updated', description: 'A lead was scored, and score, grade or model are others than before' },
				],
				description: 'What starts the workflow',
			},
			{
				displayName: 'Simplify',
				name: 'simplify',
				type: 'boolean',
				default: true,
				description: 'Whether to return a simplified version of the response instead of the raw data',
			},
			{
				displayName: 'Options',
				name: 'options',
				type: 'collection',
				placeholder: 'Add option',
				default: {},
				options: [
					{
						displayName: 'Grades',
						name: 'grades',
						type: 'multiOptions',
						options: ['A', 'B', 'C', 'D'].map((grade) => ({ name: grade, value: grade })),
						default: ['A'],
						description: 'Only events of leads that have, or had just before, one of these grades',
					},
					{
						displayName: 'Skip Duplicates',
						name: 'deduplicate',
						type: 'boolean',
						default: true,
						description: 'Whether to skip a delivery that has already started the workflow: the sidecar sends at least once. The newest 500 are remembered while n8n runs; where a second run does harm, add a Remove Duplicates node on event_id.',
					},
					{
						displayName: 'Timestamp Tolerance',
						name: 'timestampTolerance',
						type: 'number',
						typeOptions: { minValue: 1, maxValue: 3600 },
						default: 300,
						description: 'How many seconds the clocks of sidecar and n8n may differ. Older requests are refused, so that none can be sent again by somebody who listened.',
					},
					{
						displayName: 'Verify Signature',
						name: 'verifySignature',
						type: 'boolean',
						default: true,
						description: 'Whether to refuse requests that the sidecar has not signed. Off, anybody who knows the address can start the workflow.',
					},
				],
			},
		],
	};

	webhookMethods = {
		default: {
			async checkExists(this: IHookFunctions): Promise<boolean> {
				return await isRegistered(this);
			},
			async create(this: IHookFunctions): Promise<boolean> {
				return await register(this);
			},
			async delete(this: IHookFunctions): Promise<boolean> {
				return await unregister(this);
			},
		},
	};

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await receive(this);
	}
}
