import type { Resource } from '../../request/operation';
import { erase } from './erase';
import { get } from './get';
import { getMany } from './getMany';
import { getScoreHistory } from './getScoreHistory';
import { score } from './score';
import { scoreMany } from './scoreMany';
import { upsert } from './upsert';
import { whatIf } from './whatIf';

export const lead: Resource = { value: 'lead', name: 'Lead', operations: [upsert, erase, get, getMany, getScoreHistory, score, scoreMany, whatIf] };
