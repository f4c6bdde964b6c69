import type { IDataObject } from 'n8n-workflow';
import type { SingleOperation } from '../../request/operation';
import { simpleModel } from '../answers';
import { options, paging, simplify } from '../fields';

export const getMany: SingleOperation = {
	// One call answers with all versions.
	kind: 'single',
	value: 'getAll',
	name: 'Get Many',
	action: 'Get many models',
	description: 'Retrieve the versions of the model, the newest first',
	fields: [...paging, simplify, options()],
	request: () => ({ method: 'GET', path: '/v1/models' }),
	output: ({ models }, parameters) => {
		const all = models as IDataObject[];
		const wanted = parameters.flag('returnAll') ? all : all.slice(0, parameters.value('limit', 50) as number);
		return parameters.flag('simplify') ? wanted.map(simpleModel) : wanted;
	},
};
