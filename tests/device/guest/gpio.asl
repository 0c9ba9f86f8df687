/* SPDX-License-Identifier: MIT */
/* A GPIO chip for the guest: AMD's (HID AMDIF030, driver gpio-amdpt), whose registers are a page of
 * the guest's memory that nothing else uses (memmap= in boot.sh). Debian's kernel has neither gpio-sim
 * nor gpio-mockup; this driver it has. */
DefinitionBlock ("", "SSDT", 2, "LAPSED", "GPIO", 1)
{
    Scope (\_SB)
    {
        Device (GPIO)
        {
            Name (_HID, "AMDIF030")
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x20000000, 0x1000) })
        }
    }
}
