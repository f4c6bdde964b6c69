import type { Resource } from '../../request/operation';
import { record } from './record';

export const outcome: Resource = { value: 'outcome', name: 'Outcome', operations: [record] };
