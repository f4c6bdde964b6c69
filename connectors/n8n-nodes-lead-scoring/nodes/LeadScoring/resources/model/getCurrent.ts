import type { IDataObject } from 'n8n-workflow';
import type { SingleOperation } from '../../request/operation';
import { simpleModel } from '../answers';
import { options, simplify } from '../fields';

export const getCurrent: SingleOperation = {
	kind: 'single',
	value: 'getCurrent',
	name: 'Get Current',
	action: 'Get the current model',
	description: 'Retrieve the model that scores now, the champion',
	fields: [simplify, options()],
	request: () => ({ method: 'GET', path: '/v1/models' }),
	output: ({ models }, parameters) => {
		const champion = (models as IDataObject[]).find((model) => model.is_champion === true);
		// Not an error: an organization starts with rules, and a workflow may want to branch on that.
		if (!champion) return { version: null, is_champion: false, note: 'No model has been trained yet: the rules of the profile score.' };
		return parameters.flag('simplify') ? simpleModel(champion) : champion;
	},
};
