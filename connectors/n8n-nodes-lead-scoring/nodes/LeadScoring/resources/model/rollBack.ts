import type { SingleOperation } from '../../request/operation';
import { options } from '../fields';

export const rollBack: SingleOperation = {
	kind: 'single',
	value: 'rollBack',
	name: 'Roll Back',
	action: 'Roll back the model',
	description: 'Let the model score that did before the current one; open leads are scored anew in the background',
	fields: [options()],
	request: (parameters) => ({ method: 'POST', path: '/v1/models/rollback', idempotencyKey: parameters.idempotencyKey('roll-back') }),
	output: (answer) => answer,
};
