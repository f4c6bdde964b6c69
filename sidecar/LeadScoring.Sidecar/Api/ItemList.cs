using System.Text.Json;

namespace LeadScoring.Sidecar.Api;

/// <summary>The items of a body that is one object, an array, or <c>{"name": [...]}</c>.</summary>
internal sealed record ItemList(bool IsSingle, IReadOnlyList<ItemReader> Items)
{
    internal const int Max = 1_000;

    /// <exception cref="ProblemException">No such shape, more than <see cref="Max"/> items, or another organization's id anywhere in it.</exception>
    internal static ItemList Read(JsonElement body, string name, Caller caller, bool allowSingle = true)
    {
        var (array, pointer) = body.ValueKind switch
        {
            JsonValueKind.Array => (body, ""),
            JsonValueKind.Object when body.TryGetProperty(name, out var list) => (list, "/" + name),
            JsonValueKind.Object when allowSingle => (default, ""),
            _ => throw ProblemException.Invalid("", $"Send {(allowSingle ? "an object, " : "")}an array, or {{\"{name}\": [...]}}."),
        };
        if (body.ValueKind == JsonValueKind.Object) Demand(new ItemReader(body, ""), caller);
        if (array.ValueKind == JsonValueKind.Undefined) return new ItemList(true, [new ItemReader(body, "")]);
        if (array.ValueKind != JsonValueKind.Array) throw ProblemException.Invalid(pointer, $"{name} must be an array.");
        var count = array.GetArrayLength();
        if (count is 0 or > Max) throw ProblemException.Invalid(pointer, $"Send 1 to {Max:N0} items; these are {count:N0}. Larger sets: several requests, or POST /v1/imports.");
        var items = new List<ItemReader>(count);
        foreach (var element in array.EnumerateArray())
        {
            var item = new ItemReader(element, JsonPointer.Append(pointer, items.Count));
            if (item.IsObject) Demand(item, caller);
            else item.Errors.Add(new FieldError(item.Pointer, "The item must be an object."));
            items.Add(item);
        }

        return new ItemList(false, items);
    }

    private static void Demand(ItemReader item, Caller caller)
    {
        if (item.Member("organization_id") is { } id) caller.Demand(id.ValueKind == JsonValueKind.String ? ItemReader.TryText(id) ?? "" : id.GetRawText());
    }
}
