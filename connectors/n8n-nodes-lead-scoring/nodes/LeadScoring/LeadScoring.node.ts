import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { NodeConnectionTypes, NodeOperationError } from 'n8n-workflow';
import { searchLeads, searchModels } from './listSearch';
import { execute } from './request/execute';
import { findOperation, operationChoices, operationFields } from './resources';

export class LeadScoring implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Lead Scoring',
		name: 'leadScoring',
		icon: { light: 'file:../../icons/leadscoring.svg', dark: 'file:../../icons/leadscoring.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{ $parameter["operation"] + ": " + $parameter["resource"] }}',
		description: 'Score leads, say why, and teach the model what became of them',
		defaults: { name: 'Lead Scoring' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'leadScoringApi', required: true }],
		properties: [
			{
				displayName: 'Resource',
				name: 'resource',
				type: 'options',
				noDataExpression: true,
				options: [
					{ name: 'Event', value: 'event' },
					{ name: 'Feedback', value: 'feedback' },
					{ name: 'Lead', value: 'lead' },
					{ name: 'Model', value: 'model' },
					{ name: 'Monitoring', value: 'monitoring' },
					{ name: 'Outcome', value: 'outcome' },
					{ name: 'Review', value: 'review' },
				],
				default: 'lead',
			},
			...operationChoices,
			...operationFields,
		],
	};

	methods = { listSearch: { searchLeads, searchModels } };

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const resource = this.getNodeParameter('resource', 0);
		const operation = this.getNodeParameter('operation', 0);
		const found = findOperation(resource, operation);
		if (!found) throw new NodeOperationError(this.getNode(), `This version of the node has no operation "${operation}" for "${resource}". Choose one in the panel.`);
		return await execute(this, found);
	}
}
