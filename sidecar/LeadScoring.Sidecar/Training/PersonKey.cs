using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Training;

/// <summary>Who a lead is, for finding the same person twice.</summary>
internal static class PersonKey
{
    private const int FewestPhoneDigits = 7;

    /// <summary>E-mail, else phone, else name with date of birth or address; null when none is known. Names alone are shared by strangers.</summary>
    internal static string? Of(Func<string, string?> attribute)
    {
        string? First(params string[] names) => names.Select(n => attribute(n)?.Trim()).FirstOrDefault(v => !NumberText.IsMissingToken(v ?? ""));
        if (First("email", "e_mail", "email_address", "Email", "E-mail", "Email Address") is { } mail && mail.Contains('@')) return "email:" + mail.ToLowerInvariant();
        if (First("phone", "phone_number", "mobile", "mobile_phone", "Phone", "Phone Number", "Mobile") is { } phone && new string([.. phone.Where(char.IsAsciiDigit)]) is { Length: >= FewestPhoneDigits } digits)
            return "phone:" + digits;
        var name = First("name", "full_name", "Name", "Full Name") ?? (First("first_name", "First Name") is { } first && First("last_name", "Last Name") is { } last ? $"{first} {last}" : null);
        return name is not null && First("date_of_birth", "birth_date", "address", "street", "Address") is { } more ? $"name:{name.ToLowerInvariant()}|{more.ToLowerInvariant()}" : null;
    }
}
