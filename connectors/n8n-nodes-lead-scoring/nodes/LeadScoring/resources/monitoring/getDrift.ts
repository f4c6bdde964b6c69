import type { SingleOperation } from '../../request/operation';
import { simpleDrift } from '../answers';
import { options, simplify } from '../fields';

export const getDrift: SingleOperation = {
	kind: 'single',
	value: 'getDrift',
	name: 'Get Drift',
	action: 'Get drift',
	description: 'Retrieve whether leads and scores are as they were in training, and which alarms are open',
	fields: [simplify, options()],
	request: () => ({ method: 'GET', path: '/v1/monitoring/drift' }),
	output: (drift, parameters) => (parameters.flag('simplify') ? simpleDrift(drift) : drift),
};
