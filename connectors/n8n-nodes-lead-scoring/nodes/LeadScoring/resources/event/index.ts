import type { Resource } from '../../request/operation';
import { track } from './track';

export const event: Resource = { value: 'event', name: 'Event', operations: [track] };
