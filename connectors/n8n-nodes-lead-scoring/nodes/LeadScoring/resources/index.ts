import type { INodeProperties } from 'n8n-workflow';
import type { Operation, Resource } from '../request/operation';
import { event } from './event';
import { feedback } from './feedback';
import { showFor } from './fields';
import { lead } from './lead';
import { model } from './model';
import { monitoring } from './monitoring';
import { outcome } from './outcome';
import { review } from './review';

/** All there is, in the order of the panel: by name. */
export const resources: Resource[] = [event, feedback, lead, model, monitoring, outcome, review];

/** The operation that is chosen in the panel. */
export function findOperation(resource: string, operation: string): Operation | undefined {
	return resources.find((one) => one.value === resource)?.operations.find((one) => one.value === operation);
}

/** The most used operation is the one that is there at first. */
const FIRST_OPERATIONS: Record<string, string> = { lead: 'score', model: 'getCurrent', monitoring: 'getDrift' };

const operationChoice = (resource: Resource): INodeProperties => ({
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: [resource.value] } },
	options: resource.operations.map(({ name, value, action, description }) => ({ name, value, action, description })),
	default: '',
});

export const operationChoices: INodeProperties[] = resources.map((resource) => ({
	...operationChoice(resource),
	default: FIRST_OPERATIONS[resource.value] ?? resource.operations[0].value,
}));

export const operationFields: INodeProperties[] = resources.flatMap((resource) =>
	resource.operations.flatMap((operation) => showFor(resource.value, operation.value, operation.fields)),
);
