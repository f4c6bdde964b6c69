import type { Resource } from '../../request/operation';
import { send } from './send';

export const feedback: Resource = { value: 'feedback', name: 'Feedback', operations: [send] };
