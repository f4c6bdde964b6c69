import type { Resource } from '../../request/operation';
import { getMany } from './getMany';
import { submit } from './submit';

export const review: Resource = { value: 'review', name: 'Review', operations: [getMany, submit] };
