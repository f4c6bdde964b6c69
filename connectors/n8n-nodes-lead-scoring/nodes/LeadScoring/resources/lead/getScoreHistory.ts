import type { IDataObject } from 'n8n-workflow';
import type { SingleOperation } from '../../request/operation';
import { simpleChange } from '../answers';
import { leadLocator, limit, options, simplify } from '../fields';

export const getScoreHistory: SingleOperation = {
	kind: 'single',
	value: 'getScoreHistory',
	name: 'Get Score History',
	action: 'Get the score history of a lead',
	description: 'Retrieve every change of the score, the newest first, split into new data, elapsed time, model and calibration',
	fields: [leadLocator, { ...limit, typeOptions: { minValue: 1, maxValue: 200 } }, simplify, options()],
	request: (parameters) => ({
		method: 'GET',
		path: `/v1/leads/${encodeURIComponent(parameters.id('leadId', 'Lead'))}/scores`,
		qs: { limit: parameters.value('limit', 50) as number },
	}),
	output: (answer, parameters) =>
		(answer.scores as IDataObject[]).map((row) => {
			const change = { lead_id: answer.lead_id, ...row };
			return parameters.flag('simplify') ? simpleChange(change) : change;
		}),
};
