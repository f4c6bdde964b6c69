import type { IDataObject, INodeProperties } from 'n8n-workflow';
import type { Parameters } from './parameters';
import type { ApiRequest } from './send';

interface Described {
	/** Stored in users' workflows, like the names of fields: never renamed. */
	value: string;
	name: string;
	action: string;
	description: string;
	fields: INodeProperties[];
}

/** One call for each item. */
export interface SingleOperation extends Described {
	kind: 'single';
	request(parameters: Parameters): ApiRequest;
	/** What goes out: one item, or one for each of several. */
	output(answer: IDataObject, parameters: Parameters): IDataObject | IDataObject[];
}

/** A list that is read page by page, as far as Limit or Return All says. */
export interface ListOperation extends Described {
	kind: 'list';
	request(parameters: Parameters): ApiRequest;
	/** Member of the answer that holds the rows. */
	rows: string;
	output(row: IDataObject, parameters: Parameters): IDataObject;
}

/** Up to 1,000 items a call. */
export interface BatchOperation extends Described {
	kind: 'batch';
	path: string;
	/** Member of the body that holds the items. */
	list: string;
	item(parameters: Parameters): IDataObject;
	/** What goes out for one result that has no errors. */
	output(result: IDataObject, parameters: Parameters): IDataObject;
}

export type Operation = SingleOperation | ListOperation | BatchOperation;

export interface Resource {
	value: string;
	name: string;
	operations: Operation[];
}
