using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.DataProtection;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>The framework's tokens against forged requests, and its messages from one page to the next, sealed with the installation's key: replicas read each other's, and a restart forgets none.</summary>
internal sealed class SealedData(SecretBox box, string purpose = "dashboard") : IDataProtectionProvider, IDataProtector
{
    public IDataProtector CreateProtector(string next) => new SealedData(box, $"{purpose}/{next}");

    public byte[] Protect(byte[] plaintext) => box.Seal(plaintext, purpose);

    public byte[] Unprotect(byte[] protectedData)
    {
        try
        {
            return box.Open(protectedData, purpose);
        }
        catch (StorageException e)
        {
            throw new System.Security.Cryptography.CryptographicException(e.Message);
        }
    }
}
