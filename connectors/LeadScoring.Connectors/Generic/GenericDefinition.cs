using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Generic;

/// <summary>How an API is read and written: what its owner would tell a programmer. All of it is data; <see cref="GenericValidation"/> says what is wrong with it.</summary>
/// <param name="Headers">Headers of every request; <c>{token}</c> is the TOKEN of the settings. None with it: <c>Authorization: Bearer</c>.</param>
/// <param name="Contacts">Where people are.</param>
/// <param name="Activity">Where what they did is.</param>
/// <param name="Deals">Where deals are.</param>
/// <param name="WriteBack">How a score is written.</param>
/// <param name="Check">Path that answers when the credentials are good; default: the first page of what is read.</param>
internal sealed record GenericDefinition(
    Dictionary<string, string>? Headers = null, GenericSource? Contacts = null, GenericSource? Activity = null, GenericSource? Deals = null, GenericWrite? WriteBack = null, string? Check = null);

/// <summary>A list of records.</summary>
/// <param name="Path">Path of the list.</param>
/// <param name="Query">Its parameters. <c>{since}</c>: start of the window of changes; a parameter with it is left out the first time. <c>{size}</c>: records of a page.</param>
/// <param name="Records">JSON pointer to the array of records; empty: the answer is the array.</param>
/// <param name="Since">How <c>{since}</c> is written: iso (default), seconds or milliseconds.</param>
/// <param name="OverlapMinutes">How far a window reaches back before the last walk began. Default 10.</param>
/// <param name="Paging">How the next page is asked for; default: there is one page.</param>
/// <param name="Fields">JSON pointers within a record, by what they are.</param>
/// <param name="Values">What the API's words for types of activity, or states of deals, are here.</param>
/// <param name="Source">Of activity: crm, website, email or phone. Default crm.</param>
internal sealed record GenericSource(
    string? Path = null, Dictionary<string, string>? Query = null, string Records = "", string Since = "iso", int OverlapMinutes = 10, GenericPaging? Paging = null, Dictionary<string, string>? Fields = null,
    Dictionary<string, string>? Values = null, string Source = "crm");

/// <summary>How the next page is asked for.</summary>
/// <param name="Style">none; cursor: a text in the answer; link: the header Link with rel=next; offset: how many were read; page: a number.</param>
/// <param name="Parameter">Query parameter of cursor, offset or page.</param>
/// <param name="Next">Of cursor: JSON pointer to it in the answer.</param>
/// <param name="Size">Records of a page; of offset and page a shorter page is the last one.</param>
/// <param name="First">Of page: the number of the first one. Default 1.</param>
internal sealed record GenericPaging(string Style = "none", string? Parameter = null, string? Next = null, int Size = 100, int First = 1);

/// <summary>The request that writes one record.</summary>
/// <param name="Path">With <c>{id}</c>.</param>
/// <param name="Method">PATCH (default), PUT or POST.</param>
/// <param name="Body">JSON; a text <c>{lead_scoring_score}</c> is replaced by the value, as a number where it is one. Members whose value is not written are left out.</param>
internal sealed record GenericWrite(string? Path = null, string Method = "PATCH", JsonElement? Body = null);

/// <summary>Where a walk stands.</summary>
/// <param name="FromMs">Start of the window; 0: all.</param>
/// <param name="StartedMs">When this walk began; 0: the next one begins.</param>
/// <param name="Next">Next page, as the style has it; null: the first.</param>
internal sealed record GenericCursor(long FromMs = 0, long StartedMs = 0, string? Next = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(GenericDefinition))]
[JsonSerializable(typeof(GenericCursor))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class GenericJson : JsonSerializerContext;
